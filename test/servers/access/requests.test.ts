import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAllowed } from '../../../src/access/evaluate.ts';
import type { Operation } from '../../../src/access/evaluate.ts';
import { parsePolicy } from '../../../src/access/policy-parse.ts';
import type { ParameterValue } from '../../../src/access/policy.ts';
import { renderPolicy } from '../../../src/access/render.ts';
import { openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import type { OpenBao } from '../../support/openbao.ts';

const limits: readonly string[] = [
  'allowed_parameters = { "x" = ["dev"] }',
  'allowed_parameters = { "X" = [["dev"], ["dev", "default"]] }',
  'allowed_parameters = { "x" = ["2h*"], "*" = [] }',
  'allowed_parameters = { "x" = ["*h"] }',
  'allowed_parameters = { "x" = ["*h3*"] }',
  'allowed_parameters = { "x" = ["*"] }',
  'allowed_parameters = { "x" = [] }',
  'allowed_parameters = { "*" = [] }',
  'allowed_parameters = {}',
  'allowed_parameters = { "x" = [{ "a" = "1" }] }',
  'allowed_parameters = { "x" = [[{ "a" = "1" }]] }',
  'allowed_parameters = { "x" = [5, true] }',
  'denied_parameters = { "x" = [] }',
  'denied_parameters = { "x" = ["dev", "2h*"] }',
  'denied_parameters = { "*" = [] }',
  'denied_parameters = { "x" = [5, true] }',
  'required_parameters = ["x"]',
  'required_parameters = ["X", "y"]\n  allowed_parameters = { "x" = [], "y" = ["z"] }',
  'min_wrapping_ttl = "1m"',
  'max_wrapping_ttl = "1h"',
  'min_wrapping_ttl = 60\n  max_wrapping_ttl = "3600"',
];

const bodies: readonly Readonly<Record<string, ParameterValue>>[] = [
  { x: 'dev' },
  { x: ['dev'] },
  { x: ['dev', 'default'] },
  { x: '2h30m' },
  { x: '12h' },
  { x: '' },
  { x: { a: '1' } },
  { x: [{ a: '1' }] },
  { x: { a: '1', b: '2' } },
  { x: 5 },
  { x: true },
  { X: 'dev' },
  { y: 'z' },
  { x: 'dev', y: 'z' },
  { x: 'dev', z: 'other' },
];

describe('requests to a real server', { skip: openBaoMissing }, () => {
  const bao = openBaoOfSuite();

  it('are refused for their parameters and wrapping exactly where the evaluator says so', async () => {
    const disagreements: unknown[] = [];
    await bao().ask('POST', 'sys/mounts/v1', { type: 'kv', options: { version: '1' } });
    const sets = [
      ...limits.map((limit) => [limit]),
      // Merged: two policies of one pattern.
      ...limits.slice(0, -1).map((limit, index) => [limit, limits[index + 1] ?? '']),
      ...limits.map((limit) => [limit, '']),
    ];
    for (const set of sets) {
      const texts = set.map((limit) => `path "v1/a" {\n  capabilities = ["create", "update"]\n  ${limit}\n}\n`);
      const policies = texts.map((text, index) => parsePolicy(`p${index}`, text));
      const token = await tokenOf(
        bao(),
        policies.map(({ rules }) => renderPolicy(rules)),
      );
      for (const parameters of bodies) {
        for (const wrapTtl of set.some((limit) => limit.includes('wrapping'))
          ? [undefined, 30, 60, 3600, 7200]
          : [undefined]) {
          const headers: Record<string, string> = wrapTtl === undefined ? {} : { 'X-Vault-Wrap-TTL': `${wrapTtl}s` };
          const { status } = await (await bao().active()).ask('POST', 'v1/a', parameters, { token, headers });
          const answer = isAllowed(policies, {
            path: 'v1/a',
            operation: 'update',
            parameters,
            ...(wrapTtl === undefined ? {} : { wrapTtl }),
          });
          if (answer.allowed !== status < 300) {
            disagreements.push({ set, parameters, wrapTtl, status, reason: answer.reason });
          }
        }
      }
    }
    assert.deepEqual(disagreements, []);
  });

  it('are refused for their verb and path exactly where the evaluator says so, LIST with and without slash', async () => {
    const patterns = ['v2/a', 'v2/a/', 'v2/a/*', 'v2/+', 'v2/+/', 'v2/a*', 'v2/+/b', 'v2/*', 'v2/a/+', '+/a/b', 'v2'];
    const disagreements: unknown[] = [];
    await bao().ask('POST', 'sys/mounts/v2', { type: 'kv', options: { version: '1' } });
    await bao().ask('POST', 'v2/a/b', { k: 'v' });
    const verbs: readonly (readonly [string, Operation, string])[] = [
      ['GET', 'read', 'v2/a/b'],
      ['POST', 'update', 'v2/a/b'],
      ['DELETE', 'delete', 'v2/a/none'],
      ['LIST', 'list', 'v2/a'],
      ['LIST', 'list', 'v2/a/'],
      ['LIST', 'list', 'v2'],
      ['LIST', 'list', 'v2/'],
    ];
    for (const first of patterns) {
      for (const second of patterns) {
        const text = `path "${first}" { capabilities = ["read", "update", "create", "list", "delete"] }
path "${second}" { capabilities = ["deny"] }`;
        const policies = [parsePolicy('p0', text)];
        const token = await tokenOf(bao(), [text]);
        for (const [method, operation, path] of verbs) {
          const body = method === 'POST' ? { k: 'v' } : undefined;
          const { status } = await (await bao().active()).ask(method, path, body, { token });
          const { allowed, reason } = isAllowed(policies, { path, operation });
          // An empty list and an absent entry are 404: allowed.
          if (allowed !== (status < 300 || status === 404)) {
            disagreements.push({ first, second, method, path, status, reason });
          }
        }
      }
    }
    assert.deepEqual(disagreements, []);
  });
});

async function tokenOf(bao: OpenBao, texts: readonly string[]): Promise<string> {
  await Promise.all(texts.map((policy, index) => bao.ask('PUT', `sys/policies/acl/p${index}`, { policy })));
  const policies = texts.map((_, index) => `p${index}`);
  const made = await bao.ask('POST', 'auth/token/create', { policies, no_default_policy: true });
  return made.body?.['auth']['client_token'] as string;
}
