import { parseResourceId } from '../model/ids.ts';
import type { Answer } from '../model/answer.ts';
import type { Change } from '../model/change.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import type { Resource } from '../model/resource.ts';
import { identityKind } from './identity.ts';
import type { AnyResourceKind, InventoryRecord, Move } from './interfaces.ts';

interface MovesInput {
  readonly resources: readonly Resource[];
  readonly kindOf: (target: TargetId, kind: string) => AnyResourceKind | undefined;
  readonly answers: ReadonlyMap<ResourceId, Answer<unknown>>;
  readonly records: ReadonlyMap<ResourceId, InventoryRecord>;
  readonly only?: ReadonlySet<ResourceId>;
}

/**
 * What is wanted for the first time and has its data under another id, which left the fleet. What is gone already has
 * nothing to give.
 */
export function movesOf(input: MovesInput): ReadonlyMap<ResourceId, Move> {
  const wantedIds = new Set(input.resources.map(({ id }) => id));
  const leaving = [...input.records.values()].filter(
    (record) =>
      record.kind !== identityKind &&
      record.state !== 'retained' &&
      !wantedIds.has(record.id) &&
      input.answers.get(record.id)?.state !== 'absent',
  );
  if (leaving.length === 0) {
    return new Map();
  }
  const candidates = input.resources.filter(
    ({ id }) => input.records.get(id)?.state !== 'present' && (input.only?.has(id) ?? true),
  );
  const byKind = Map.groupBy(candidates, ({ target, kind }) => input.kindOf(target, kind));
  const moves = new Map<ResourceId, Move>();
  for (const [kind, wanted] of byKind) {
    const ofKind = leaving.filter(({ id }) => {
      const parsed = parseResourceId(id);
      return parsed.kind === kind?.kind && parsed.targetKind === kind.targetKind;
    });
    kind?.moves?.(wanted, ofKind).forEach((move, id) => moves.set(id, move));
  }
  return moves;
}

/** All that a move may come from. */
export function recordsOf(move: Move): readonly InventoryRecord[] {
  return 'from' in move ? [move.from] : move.unclear;
}

interface Source {
  readonly movesFrom?: InventoryRecord;
  readonly refused?: Change;
  readonly unasked?: string;
}

/**
 * Whether what a move comes from can be told and read. Where it cannot, nothing may be made anew. `startsFirst`: this run
 * starts the target that it comes from, before its turn.
 */
export function sourceOf(
  id: ResourceId,
  move: Move | undefined,
  answers: ReadonlyMap<ResourceId, Answer<unknown>>,
  startsFirst: (from: TargetId) => boolean,
): Source {
  if (move === undefined) {
    return {};
  }
  const refuse = (code: string, reason: string, remedy: string): Source => ({
    refused: { id, action: 'refused', fields: [], reason, refusal: { code, remedy } },
  });
  if ('unclear' in move) {
    const places = move.unclear.map((record) => record.id).join(' or ');
    return refuse(
      'move-unclear',
      `it may be the new place of ${places}`,
      'change one path at a time and apply between; what is really new is added after the old one was let go',
    );
  }
  const { from } = move;
  const answer = answers.get(from.id) ?? { state: 'couldNotAsk', why: 'it was not asked for' };
  if (answer.state === 'couldNotAsk') {
    return { unasked: `it moves from ${from.id}, which could not be asked: ${answer.why}` };
  }
  if (answer.state === 'notYet' && !(answer.exists && startsFirst(parseResourceId(from.id).target))) {
    return refuse(
      'move-unreachable',
      `it moves from ${from.id}, which cannot be read: ${answer.why}`,
      `keep ${parseResourceId(from.id).target} in the fleet until this has moved`,
    );
  }
  return { movesFrom: from };
}
