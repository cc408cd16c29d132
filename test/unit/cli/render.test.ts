import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters as plain } from 'node:util';
import { errorJson, failureText } from '../../../src/cli/failure-text.ts';
import { evidenceJson, evidenceText, verdictSummary, countVerdicts } from '../../../src/cli/render/evidence.ts';
import { planSummary, planText } from '../../../src/cli/render/plan.ts';
import { Terminal } from '../../../src/cli/terminal.ts';
import type { FleetPlan } from '../../../src/engine/fleet-plan.ts';
import type { Change } from '../../../src/model/change.ts';
import { claimId } from '../../../src/model/claim.ts';
import type { Evidence } from '../../../src/model/claim.ts';
import { Failure } from '../../../src/model/failure.ts';
import { processStreams } from '../../../src/cli/streams.ts';
import { parseResourceId, targetId } from '../../../src/model/ids.ts';
import type { ResourceId } from '../../../src/model/ids.ts';

const streams = processStreams();
const terminal = new Terminal(streams, { json: false, debug: false });

function planOf(changes: readonly Omit<Change, 'id'>[], ids: readonly string[]): FleetPlan {
  const planned = changes.map((change, index) => {
    const id = ids[index] as ResourceId;
    const { target, kind } = parseResourceId(id);
    return { id, target, kind, change: { ...change, id }, after: [], dependsOn: [], lookAgain: false };
  });
  return {
    plan: {
      fleet: 'f',
      asOf: new Date(0),
      changes: planned,
      unchanged: 59,
      unasked: [],
      settle: [],
      outputs: new Map(),
      digest: '',
    },
    observation: { answers: new Map(), targets: new Map(), problems: [] },
  };
}

describe('a plan on a terminal', () => {
  it('shows sign, name and what differs under each target, in 80 columns', () => {
    const plan = planOf(
      [
        { action: 'create', fields: [], reason: 'second login of orders-app (alternate)' },
        { action: 'update', fields: [{ field: 'connection limit', before: '50', after: '20' }] },
        { action: 'remove', fields: [], reason: 'left the fleet; owns 2 tables → orders_owner' },
        { action: 'operation', fields: [], needs: 'keywright rotate authority/local' },
      ],
      [
        'postgres/orders-a/role/orders_app_b',
        'postgres/orders-a/role/reporting',
        'postgres/orders-a/role/legacy_import',
        'authority/local/ca/root',
      ],
    );
    const text = plain(planText(terminal, plan));
    assert.equal(
      text,
      [
        'authority/local',
        '  ! ca root                            needs: keywright rotate authority/local',
        'postgres/orders-a',
        '  + role orders_app_b                  second login of orders-app (alternate)',
        '  ~ role reporting                     connection limit 50 → 20',
        '  - role legacy_import',
        '      left the fleet; owns 2 tables → orders_owner',
        '',
      ].join('\n'),
    );
    assert.deepEqual(
      text.split('\n').filter((line) => line.length > 80),
      [],
    );
    assert.equal(planSummary(plan), '1 to create, 1 to change, 1 to remove, 1 left to an operation, 59 unchanged');
  });
});

describe('evidence', () => {
  const evidence: Evidence[] = [
    { sentence: 'orders-app logs in over TLS 1.3, verify-full', verdict: 'held' as const, seen: 'logged in', ms: 12 },
    {
      sentence: 'orders-app cannot write to public.invoices',
      verdict: 'broken' as const,
      seen: 'INSERT succeeded',
      ms: 15,
    },
  ].map(({ sentence, verdict, seen, ms }, index) => ({
    claim: {
      id: claimId('DatabaseAccess/orders-app', `c${index}`),
      kind: 'login',
      sentence,
      group: 'orders-a',
      restsOn: [],
      spec: {},
      document: 'DatabaseAccess/orders-app',
    },
    verdict,
    seen,
    mend: verdict === 'broken' ? 'REVOKE INSERT ON public.invoices FROM PUBLIC;' : undefined,
    at: '2026-01-01T00:00:00Z',
    milliseconds: ms,
  }));

  it('shows the word first, and what was seen only where it matters', () => {
    const lines = plain(evidenceText(terminal, evidence)).split('\n');
    assert.match(lines[1] ?? '', /^ {2}held {5}orders-app logs in over TLS 1\.3, verify-full +12 ms$/);
    assert.match(lines[2] ?? '', /^ {2}BROKEN {3}orders-app cannot write/);
    assert.match(lines[3] ?? '', /^ {11}INSERT succeeded$/);
    assert.match(lines[4] ?? '', /^ {11}Mend: REVOKE/);
    assert.equal(verdictSummary(countVerdicts(evidence)), '1 held, 1 broken, 0 unknown');
  });

  it('has a documented form for programs', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(evidenceJson(evidence.slice(0, 1)))), {
      summary: { held: 1, broken: 0, unknown: 0 },
      claims: [
        {
          id: 'DatabaseAccess/orders-app#c0',
          sentence: 'orders-app logs in over TLS 1.3, verify-full',
          verdict: 'held',
          seen: 'logged in',
          at: '2026-01-01T00:00:00Z',
          milliseconds: 12,
        },
      ],
    });
  });
});

describe('an error', () => {
  const failure = new Failure({
    code: 'store-sealed',
    message: 'store main is sealed',
    object: targetId('store', 'main'),
    file: 'fleet.yaml',
    line: 3,
    why: '2 of 3 shares were given',
    remedy: 'keywright unseal main',
  });

  it('is one line, then where, why and what to do', () => {
    assert.equal(
      failureText(failure, false),
      'error: store main is sealed\n  fleet.yaml:3\n  2 of 3 shares were given\n  keywright unseal main\n',
    );
  });

  it('has a stack only with --debug', () => {
    assert.doesNotMatch(failureText(new TypeError('x is undefined'), false), /\bat /);
    assert.match(failureText(new TypeError('x is undefined'), true), /\bat /);
  });

  it('has a stable code for programs', () => {
    assert.deepEqual(errorJson(failure), {
      code: 'store-sealed',
      message: 'store main is sealed',
      object: 'store/main',
      file: 'fleet.yaml',
      line: 3,
      why: '2 of 3 shares were given',
      remedy: 'keywright unseal main',
    });
    assert.equal(errorJson(new TypeError('x')).code, 'defect');
  });
});
