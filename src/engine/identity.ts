import { canonicalJson, isSame } from '../model/digest.ts';
import { Failure } from '../model/failure.ts';
import { resourceId } from '../model/ids.ts';
import type { TargetDefinition } from '../model/compiled.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import type { InventoryRecord } from './interfaces.ts';

/** Records of this kind say which physical server a target was at first contact, and how it was reached last. */
export const identityKind = 'identity';

export function identityRecordId(target: TargetId): ResourceId {
  return resourceId(target, identityKind, 'target');
}

/** The record for a target that was reached. Its definition is kept, so that it can be reached after it left the fleet. */
export function identityRecord(target: TargetDefinition, identity: string | undefined): InventoryRecord {
  return {
    id: identityRecordId(target.id),
    kind: identityKind,
    state: 'present',
    outputs: identity === undefined ? {} : { identity },
    removal: { definition: canonicalJson(target) },
  };
}

export function recordedIdentity(record: InventoryRecord | undefined): string | undefined {
  const identity = record?.outputs?.['identity'];
  return typeof identity === 'string' ? identity : undefined;
}

export function recordedDefinition(record: InventoryRecord): TargetDefinition | undefined {
  const definition = record.removal?.['definition'];
  return typeof definition === 'string' ? (JSON.parse(definition) as TargetDefinition) : undefined;
}

/** Whether the record has to be written again for what was found. */
export function identityIsStale(
  record: InventoryRecord | undefined,
  target: TargetDefinition,
  identity: string | undefined,
): boolean {
  return !isSame(record, identityRecord(target, identity));
}

/** What is wrong when a target turns out to be another server than before; undefined when it is the same or new. */
export function identityProblem(
  target: TargetId,
  record: InventoryRecord | undefined,
  identity: string | undefined,
): Failure | undefined {
  const before = recordedIdentity(record);
  if (before === undefined || before === identity) {
    return undefined;
  }
  return new Failure({
    code: 'target-exchanged',
    message: `${target} is another server than before: ${identity ?? 'without identity'}, was ${before}`,
    object: target,
    why: 'what the inventory says of it is about the other one; nothing was read from it or written to it',
    remedy: `connect the former one again, or, when the exchange was meant: keywright target accept ${target}`,
    exitCode: 3,
  });
}
