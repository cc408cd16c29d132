import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { capabilitiesOn } from '../../../src/access/evaluate.ts';
import { parsePolicy } from '../../../src/access/policy-parse.ts';
import { capabilityNames } from '../../../src/access/policy.ts';
import type { ParameterValue, PathRule } from '../../../src/access/policy.ts';
import { canonicalRules, renderPolicy } from '../../../src/access/render.ts';

const segment = fc.oneof(fc.constantFrom('a', 'b', 'ab', '+', '', 'é', '"', '\\', '${x}', '{{identity}}'), fc.string());
const path = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.constantFrom('', '*', '/', '/*', '/+'))
  .map(([segments, end]) => segments.join('/') + end)
  .filter((text) => !text.includes('+*') && text.isWellFormed());
const capability = fc.constantFrom(...capabilityNames);
const text = fc.string().filter((each) => each.isWellFormed());
const value = fc.letrec<{ value: ParameterValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    text,
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 2 }),
    fc.dictionary(text, tie('value'), { maxKeys: 2, noNullPrototype: true }),
  ),
})).value;
const parameters = fc.dictionary(
  text.map((each) => each.toLowerCase()),
  fc.array(value, { maxLength: 2 }),
  { maxKeys: 3, noNullPrototype: true },
);
const rule: fc.Arbitrary<PathRule> = fc
  .record(
    {
      path,
      capabilities: fc.uniqueArray(capability, { maxLength: 4 }),
      allowedParameters: parameters,
      deniedParameters: parameters,
      requiredParameters: fc.array(text, { maxLength: 2 }),
      minWrappingTtl: fc.nat(100),
      maxWrappingTtl: fc.integer({ min: 100, max: 10_000 }),
    },
    { requiredKeys: ['path', 'capabilities'] },
  )
  .map((each) => each as PathRule);
const rules = fc.array(rule, { maxLength: 6 });

function withoutLines(all: readonly PathRule[]): PathRule[] {
  return all.map(({ line: _line, ...each }) => each);
}

describe('a rendered policy', () => {
  it('is read again as the same rules', () => {
    fc.assert(
      fc.property(rules, (all) => {
        assert.deepEqual(withoutLines(parsePolicy('p', renderPolicy(all)).rules), canonicalRules(all));
      }),
    );
  });

  it('is the same text for the same rules in any order, and for what was read of it', () => {
    fc.assert(
      fc.property(rules, (all) => {
        const rendered = renderPolicy(all);
        assert.equal(renderPolicy([...all].reverse()), rendered);
        assert.equal(renderPolicy(parsePolicy('p', rendered).rules), rendered);
      }),
    );
  });

  it('grants the same, and two policies grant their union, except where one denies', () => {
    fc.assert(
      fc.property(rules, rules, path, (first, second, asked) => {
        const policies = [
          { name: 'p', rules: first },
          { name: 'q', rules: second },
        ];
        const together = capabilitiesOn(policies, asked);
        assert.deepEqual(capabilitiesOn([parsePolicy('p', renderPolicy([...first, ...second]))], asked), together);
        assert.deepEqual(capabilitiesOn([...policies].reverse(), asked), together);
      }),
    );
  });

  it('joins capabilities of one pattern as a union, except deny', () => {
    const some = fc.uniqueArray(capability, { minLength: 1 });
    fc.assert(
      fc.property(some, some, (first, second) => {
        const union = [...new Set([...first, ...second])].sort();
        const of = (capabilities: typeof first) => ({ name: 'p', rules: [{ path: 'a/*', capabilities }] });
        const expected = union.includes('deny') ? ['deny'] : union;
        assert.deepEqual(capabilitiesOn([of(first), of(second)], 'a/b'), expected);
      }),
    );
  });

  it('is short and reads well', () => {
    const rendered = renderPolicy([
      { path: '/kv/metadata/apps/*', capabilities: ['list'] },
      { path: 'kv/data/apps/orders', capabilities: ['read'], allowedParameters: { version: ['1', '2'] } },
      { path: 'kv/metadata/apps/*', capabilities: ['read'], minWrappingTtl: 0 },
      { path: 'sys/*', capabilities: ['read'] },
      { path: 'sys/*', capabilities: ['deny'] },
    ]);
    assert.equal(
      rendered,
      `path "kv/data/apps/orders" {
  capabilities = ["read"]
  allowed_parameters = {
    "version" = ["1", "2"]
  }
}

path "kv/metadata/apps/*" {
  capabilities = ["read", "list"]
}

path "sys/*" {
  capabilities = ["deny"]
}
`,
    );
  });

  it('is empty for no rules', () => {
    assert.equal(renderPolicy([]), '');
  });
});
