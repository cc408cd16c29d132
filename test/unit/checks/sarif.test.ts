import assert from 'node:assert/strict';
import test from 'node:test';
import { allRules } from '../../../src/checks/explain.ts';
import { sarifOf } from '../../../src/checks/sarif.ts';
import { check, document, fleetText } from '../../support/fleet-text.ts';

interface Log {
  readonly version: string;
  readonly runs: readonly [
    {
      readonly tool: {
        readonly driver: { readonly rules: readonly { readonly id: string; readonly help: unknown }[] };
      };
      readonly originalUriBaseIds: unknown;
      readonly results: readonly Result[];
    },
  ];
}

interface Result {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: { readonly text: string };
  readonly locations: readonly unknown[];
  readonly relatedLocations?: readonly unknown[];
}

const context = { version: '1.2.3', folder: '/repository' };

function logOf(...given: Parameters<typeof sarifOf>): Log {
  return JSON.parse(JSON.stringify(sarifOf(...given))) as Log;
}

test('a SARIF log has every rule, with its story, and says where relative names start', () => {
  const { version, runs } = logOf([], context);
  const [{ tool, originalUriBaseIds, results }] = runs;
  assert.equal(version, '2.1.0');
  assert.deepEqual(
    tool.driver.rules.map(({ id }) => id),
    allRules.map(({ id }) => id),
  );
  assert.match(JSON.stringify(tool.driver.rules[0]?.help), /KW001 unreadable-file/);
  assert.deepEqual(originalUriBaseIds, { SRCROOT: { uri: 'file:///repository/' } });
  assert.deepEqual(results, []);
});

test('a finding is a result at its place, with what, why and how to mend it', async () => {
  const text = fleetText().replace('databases:', 'database:');
  const found = await check({ 'my fleet.yaml': text });
  const [{ tool, results }] = logOf(found, context).runs;
  const [result] = results;
  assert.equal(results.length, 1);
  assert.equal(tool.driver.rules[result?.ruleIndex ?? -1]?.id, 'KW008');
  assert.equal(result?.ruleId, 'KW008');
  assert.equal(result.level, 'error');
  assert.match(result.message.text, /^unknown field `database`; did you mean `databases`\?\n.+\n.+/);
  const line = text.split('\n').findIndex((each) => each.includes('database:')) + 1;
  assert.deepEqual(result.locations, [
    {
      physicalLocation: {
        artifactLocation: { uri: 'my%20fleet.yaml', uriBaseId: 'SRCROOT' },
        region: { startLine: line, startColumn: 3, endLine: line, endColumn: 11 },
      },
      logicalLocations: [{ fullyQualifiedName: 'Postgres/pg', kind: 'resource' }],
    },
  ]);
});

test('severities keep their names, and another place of a finding is a related location', async () => {
  const backup = document('Backup', 'b', 'store: box\nschedule: "0 2 * * *"\nto: { directory: b }\nencryptTo: [age1x]');
  const found = await check(fleetText([backup, document('Site', 'here', 'local: { directory: .keywright/here }')]));
  const [{ results }] = logOf(found, context).runs;
  assert.deepEqual(
    results.map(({ level, ruleId, relatedLocations }) => [level, ruleId, relatedLocations?.length ?? 0]),
    [
      ['note', 'KW020', 0],
      ['error', 'KW014', 1],
    ],
  );
});

test('a file elsewhere keeps its absolute name, and one that could not be read has no region', () => {
  const source = { file: '/else where/fleet.yaml', document: 0, pointer: '' };
  const [{ results }] = logOf(
    [{ severity: 'error', rule: 'KW001 unreadable-file', message: 'permission denied', source }],
    context,
  ).runs;
  assert.deepEqual(results[0]?.locations, [
    { physicalLocation: { artifactLocation: { uri: 'file:///else%20where/fleet.yaml' } } },
  ]);
});

test('a line that holds a secret is not in the log', async () => {
  const text = fleetText([
    document(
      'SecretTree',
      's',
      'path: apps\nentries: [{ path: x, keys: { k: { value: "ghp_0123456789abcdefghijABCDEFGHIJ456789" } } }]',
    ),
  ]);
  const found = await check(text);
  assert.ok(found.some(({ rule }) => rule.endsWith('secret-in-document')));
  assert.doesNotMatch(JSON.stringify(sarifOf(found, context)), /ghp_/);
});
