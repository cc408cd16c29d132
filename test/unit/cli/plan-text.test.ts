import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters as plain } from 'node:util';
import { planSummary, planText } from '../../../src/cli/render/plan.ts';
import { processStreams } from '../../../src/cli/streams.ts';
import { Terminal } from '../../../src/cli/terminal.ts';
import type { PlannedChange } from '../../../src/engine/plan.ts';
import type { FleetPlan } from '../../../src/engine/fleet-plan.ts';
import { Failure } from '../../../src/model/failure.ts';
import { parseResourceId, targetId } from '../../../src/model/ids.ts';
import type { ResourceId } from '../../../src/model/ids.ts';

function created(name: string, wasThere: boolean): PlannedChange {
  const id = name as ResourceId;
  const { target, kind } = parseResourceId(id);
  const lost = wasThere ? ({ lost: true } as const) : {};
  const change = { id, action: 'create' as const, fields: [{ field: 'type', after: 'kv' }] };
  return { id, target, kind, change, after: [], dependsOn: [], lookAgain: false, ...lost };
}

function planOf(changes: readonly PlannedChange[], problems: FleetPlan['observation']['problems'] = []): FleetPlan {
  return {
    plan: {
      fleet: 'f',
      asOf: new Date(0),
      changes,
      unchanged: 1,
      unasked: [],
      settle: [],
      outputs: new Map(),
      digest: '',
    },
    observation: { answers: new Map(), targets: new Map(), problems },
  };
}

const terminal = new Terminal(processStreams(), { json: false, debug: false });

test('what could not be asked is told with what to do about it', () => {
  const target = targetId('store', 'main');
  const failure = new Failure({
    code: 'x',
    message: `${target} could not be asked: it is sealed`,
    remedy: 'unseal it',
  });
  assert.equal(
    plain(planText(terminal, planOf([], [{ target, failure }]))),
    'store/main  could not be asked\n    it is sealed\n    unseal it\n',
  );
});

test('a plan tells what is lost and made again from what is new', () => {
  const plan = planOf([created('store/main/mount/secret', true), created('store/main/mount/other', false)]);
  assert.equal(
    plain(planText(terminal, plan)),
    [
      'store/main',
      '  + mount secret                       it was there and is gone',
      '      type kv',
      '  + mount other                        type kv',
      '',
    ].join('\n'),
  );
  assert.equal(planSummary(plan), '1 to create, 1 to make again, 1 unchanged');
});
