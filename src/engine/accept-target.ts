import { Failure } from '../model/failure.ts';
import type { TargetId } from '../model/ids.ts';
import { identityRecord, identityRecordId, recordedIdentity } from './identity.ts';
import type { Run } from './run.ts';

export interface TargetExchange {
  readonly target: TargetId;
  readonly before: string | undefined;
  readonly now: string | undefined;
}

/** Which server a target was at first contact, and which it is. Throws a Failure when it cannot be asked. */
export async function targetExchange(run: Run, target: string): Promise<TargetExchange> {
  const definition = run.compiled.targets.find(({ id }) => id === target);
  if (definition === undefined) {
    throw new Failure({
      code: 'target-unknown',
      message: `fleet ${run.compiled.fleet} has no target ${target}`,
      object: target,
      remedy: `it has: ${run.compiled.targets.map(({ id }) => id).join(', ')}`,
      exitCode: 64,
    });
  }
  const answer = await run.sessions.connect(definition, run.context);
  if (answer.state !== 'present') {
    const why = answer.state === 'absent' ? 'it is not there' : answer.why;
    throw new Failure({
      code: 'target-unreachable',
      message: `${target} could not be asked who it is: ${why}`,
      object: target,
      exitCode: 3,
    });
  }
  const before = recordedIdentity(run.inventory.get(identityRecordId(definition.id)));
  return { target: definition.id, before, now: await answer.seen.identity() };
}

/** Records that the target is what it is now. The lock is held. */
export async function acceptTarget(run: Run, { target, now }: TargetExchange): Promise<void> {
  const definition = run.compiled.targets.find(({ id }) => id === target);
  if (definition !== undefined) {
    await run.inventory.commit({ put: [identityRecord(definition, now)] });
  }
}
