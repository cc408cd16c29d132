import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePolicy } from '../../../src/access/policy-parse.ts';
import { Failure } from '../../../src/model/failure.ts';

describe('a policy', () => {
  it('is read from HCL with comments, and keeps its lines', () => {
    const text = `# one
/* two
   lines */ path "a/*" {
  capabilities = ["read", "list",] // last comma
  comment      = "said"
}

path "/b" { policy = "write" }
`;
    assert.deepEqual(parsePolicy('Mixed', text), {
      name: 'mixed',
      rules: [
        { path: 'a/*', capabilities: ['read', 'list'], line: 3 },
        { path: 'b', capabilities: ['create', 'read', 'update', 'delete', 'list'], line: 8 },
      ],
    });
  });

  it('is read from JSON, as an object and as a list', () => {
    const rule = {
      capabilities: ['read'],
      min_wrapping_ttl: '1m',
      allowed_parameters: { A: [1, null, true, { b: 'c' }] },
    };
    const expected = {
      capabilities: ['read'],
      minWrappingTtl: 60,
      allowedParameters: { a: [1, null, true, { b: 'c' }] },
    };
    for (const path of [{ 'x/y': rule }, [{ 'x/y': rule }], { 'x/y': [rule] }]) {
      const { rules } = parsePolicy('p', JSON.stringify({ path }, undefined, 2));
      assert.deepEqual(
        rules.map(({ line: _line, ...each }) => each),
        [{ path: 'x/y', ...expected }],
      );
    }
  });

  it('keeps nothing beside a deny', () => {
    const { rules } = parsePolicy('p', 'path "a" { capabilities = ["read", "deny"] required_parameters = ["x"] }');
    assert.deepEqual(rules, [{ path: 'a', capabilities: ['deny'], line: 1 }]);
  });

  it('undoes escapes', () => {
    const { rules } = parsePolicy('p', String.raw`path "a\"\\\u00e9\x41" { capabilities = [] }`);
    assert.equal(rules[0]?.path, 'a"\\éA');
  });
});

const wrong: readonly (readonly [string, RegExp])[] = [
  ['path "a" { capabilities = ["foo"] }', /line 1, column 28: invalid capability "foo"/],
  ['\npath "a" {\n  capability = ["read"]\n}', /line 3, column 3: invalid key "capability"/],
  ['role "a" {}', /line 1, column 1: invalid key "role"/],
  ['path "a/+*" { capabilities = [] }', /invalid use of wildcards/],
  ['path "a" { capabilities = "read" }', /a list of texts was expected/],
  ['path "a" { capabilities = ["read" "list"] }', /there is a text where "," or "\]"/],
  ['path "a" { capabilities = ["read"]', /the text ends where a key was expected/],
  ['path "a', /column 6: a text does not end/],
  ['path "a" { capabilities = [read] }', /there is "read" where a value was expected/],
  ['path "a" { policy = <<EOT\nread\nEOT\n}', /a heredoc is not read here/],
  ['path "${a}" { }', /\$\{ is not read here/],
  ['/* open', /a comment does not end/],
  ['path "a" "b" { }', /a path block has one path/],
  ['path "a" { min_wrapping_ttl = "1h" max_wrapping_ttl = "1m" }', /max_wrapping_ttl is less/],
  ['path "a" { min_wrapping_ttl = "soon" }', /no length of time/],
  ['path "a" { capabilities = [] capabilities = [] }', /stands twice/],
  ['path "a" { allowed_parameters = { "x" = "y" } }', /x needs a list of values/],
  ['{"path": {"a": {"capabilities": ["read"]}}', /the text ends/],
  ['!', /"!" stands outside of quotes/],
  [`{"path": ${'['.repeat(500)}`, /nested more than/],
];

describe('what is no policy', () => {
  for (const [text, message] of wrong) {
    it(`is refused with its place: ${text.slice(0, 60).replaceAll('\n', ' ')}`, () => {
      assert.throws(
        () => parsePolicy('p', text),
        (error) => error instanceof Failure && error.code === 'policy-unreadable' && message.test(error.message),
      );
    });
  }
});
