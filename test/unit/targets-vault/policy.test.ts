import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InventoryRecord } from '../../../src/engine/interfaces.ts';
import type { Change } from '../../../src/model/change.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import { policyKind } from '../../../src/targets/vault/policy.ts';
import { leadingComment, markedText, unmarkedText } from '../../../src/targets/vault/policy-text.ts';
import type { PolicyRule, PolicySpec } from '../../../src/targets/vault/policy.spec.ts';
import { resource } from '../../support/kinds.ts';
import { policyLanguage } from '../../../src/cli/policy-language.ts';

const kind = policyKind(policyLanguage);
const id = resourceId(targetId('store', 'main'), 'policy', 'orders');
const mark = { fleet: 'test', id };
const context = { fleet: 'test', now: new Date('2026-11-25') };
const rules: readonly PolicyRule[] = [
  { path: 'secret/data/apps/*', capabilities: ['read'] },
  { path: 'secret/metadata/apps/*', capabilities: ['read', 'list'] },
];

function diff(
  text: string,
  recorded?: Partial<InventoryRecord>,
  seen: { version?: number; modified?: string } = {},
): Change {
  const wanted = resource<PolicySpec>(id, { name: 'orders', rules });
  const record = recorded && { id, kind: 'policy', state: 'present' as const, ...recorded };
  return kind.diff(wanted, { text, comment: leadingComment(text), ...seen }, record, context);
}

describe('a policy is compared by meaning', () => {
  test('order, spelling, comments and split blocks are no difference', () => {
    const header = `# keywright fleet=test id=${id}\n`;
    for (const body of [
      policyLanguage.render(rules),
      'path "secret/metadata/apps/*" { capabilities = ["list", "read"] }\n// words\npath "secret/data/apps/*" { capabilities = ["read", "read"] }',
      'path "/secret/data/apps/*" { capabilities = ["read"] }\npath "secret/metadata/apps/*" { capabilities = ["list"] }\npath "secret/metadata/apps/*" { capabilities = ["read"] }',
    ]) {
      assert.equal(diff(header + body).action, 'none', body);
    }
  });

  test('a right added by hand is shown with when it came, and so is one that was taken', () => {
    const text = markedText(
      'path "secret/data/apps/*" { capabilities = ["create", "read", "update"] }\npath "sys/*" { capabilities = ["sudo"] }',
      null,
      mark,
    );
    const change = diff(text, { version: '3' }, { version: 4, modified: '2026-11-20T10:00:00Z' });
    const note = 'edited by hand since 2026-11-20 (version 4)';
    assert.deepEqual(change.fields, [
      { field: 'rights on secret/data/apps/*', before: 'create, read, update', after: 'read', note },
      { field: 'rights on secret/metadata/apps/*', before: 'none', after: 'read, list', note },
      { field: 'rights on sys/*', before: 'sudo', after: 'none', note },
    ]);
  });

  test('a limit put on a rule by hand is a difference', () => {
    const limited = 'path "secret/data/apps/*" { capabilities = ["read"]\n max_wrapping_ttl = "60s" }';
    const [field] = diff(markedText(limited, null, mark)).fields;
    assert.equal(field?.before, 'read only wrapped for at most 1m');
  });

  test('a text that cannot be read is written anew', () => {
    const [field] = diff(markedText('path "x" {', null, mark)).fields;
    assert.match(field?.before ?? '', /^cannot be read: /);
  });

  test('one that somebody else made, or another fleet, is refused', () => {
    assert.equal(diff(policyLanguage.render(rules)).refusal?.code, 'adopt-existing');
    assert.equal(diff(markedText('', null, { fleet: 'other', id })).refusal?.code, 'foreign-mark');
  });

  test('one of ours that somebody wrote over, mark and all, is still ours', () => {
    const wider = 'path "secret/*" { capabilities = ["read"] }';
    const change = diff(wider, { version: '1' }, { version: 2, modified: '2026-11-20T10:00:00Z' });
    assert.equal(change.action, 'update');
    assert.deepEqual(
      change.fields.map(({ field, before, after }) => [field, before, after]),
      [
        ['rights on secret/*', 'read', 'none'],
        ['rights on secret/data/apps/*', 'none', 'read'],
        ['rights on secret/metadata/apps/*', 'none', 'read, list'],
        ['mark', undefined, 'written'],
      ],
    );
    assert.equal(diff(wider, { state: 'retained' }).action, 'adopt');
    assert.equal(diff(markedText(wider, null, { fleet: 'other', id }), {}).refusal?.code, 'foreign-mark');
  });

  test("the server's policies and Keywright's own are never touched", () => {
    for (const name of ['root', 'default', 'keywright', 'keywright-break-glass']) {
      const own = resourceId(targetId('store', 'main'), 'policy', name);
      const allow = [{ rule: 'adopt-existing', reason: 'a test' }];
      const change = kind.diff(resource<PolicySpec>(own, { name, rules }, { allow }), undefined, undefined, context);
      assert.equal(change.refusal?.code, 'policy-reserved', name);
    }
  });
});

describe('the mark in a policy', () => {
  test('stands below what else the first comment says, and is lifted alone', () => {
    const text = markedText('path "a" {}\n', leadingComment('# their words\n\n# not this\npath "b" {}'), mark);
    assert.equal(text, `# their words\n# keywright fleet=test id=${id}\npath "a" {}\n`);
    assert.equal(unmarkedText(text), '# their words\npath "a" {}\n');
    assert.equal(unmarkedText(markedText('path "a" {}\n', null, mark)), 'path "a" {}\n');
  });
});
