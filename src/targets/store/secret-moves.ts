import type { InventoryRecord, Move, RunContext } from '../../engine/interfaces.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import { infoOf } from './entries.ts';
import type { SecretSpec } from './secret.spec.ts';

/**
 * Which entries are the new places of which that left: the same entry of the same document, else an entry of the same
 * document with the same keys. When more than one may be meant, none is taken: a wrong guess would invent a secret
 * or give one to somebody else.
 */
export function secretMoves(
  wanted: readonly Resource<SecretSpec>[],
  leaving: readonly InventoryRecord[],
): ReadonlyMap<ResourceId, Move> {
  const moves = new Map<ResourceId, Move>();
  const settle = (
    resources: readonly Resource<SecretSpec>[],
    records: readonly InventoryRecord[],
    ofResource: (resource: Resource<SecretSpec>) => string | undefined,
    ofRecord: (record: InventoryRecord) => string | undefined,
  ): void => {
    const meant = Map.groupBy(records, ofRecord);
    for (const [identity, same] of Map.groupBy(resources, ofResource)) {
      const found = identity === undefined ? [] : (meant.get(identity) ?? []);
      const [first] = found;
      if (first !== undefined) {
        const move: Move = found.length === 1 && same.length === 1 ? { from: first } : { unclear: found };
        same.forEach(({ id }) => moves.set(id, move));
      }
    }
  };
  settle(
    wanted,
    leaving,
    ({ spec: { origin } }) => (origin === undefined ? undefined : JSON.stringify([origin.document, origin.entry])),
    ({ removal }) => (removal?.document === undefined ? undefined : JSON.stringify([removal.document, removal.entry])),
  );
  const taken = new Set([...moves.values()].flatMap((move) => ('from' in move ? [move.from] : move.unclear)));
  settle(
    wanted.filter(({ id }) => !moves.has(id)),
    leaving.filter((record) => !taken.has(record)),
    ({ spec: { origin, keys } }) => (origin === undefined ? undefined : `${origin.document} ${keyNames(keys)}`),
    ({ removal }) => (removal?.document === undefined ? undefined : `${removal.document} ${removal.keys}`),
  );
  return moves;
}

/** Names of an entry's keys, in one spelling. */
export function keyNames(keys: SecretSpec['keys']): string {
  return JSON.stringify(Object.keys(keys).toSorted());
}

/** `moves from apps/old`, with the store where it is another one. */
export function movesFromText({ spec }: Resource<SecretSpec>, { id }: InventoryRecord): string {
  const { targetName, names } = parseResourceId(id);
  const path = names.join('/');
  return `moves from ${targetName === spec.store ? path : `${path} of store ${targetName}`}`;
}

/**
 * The entry that is moved, as it is now. One that was soft-deleted by hand is brought back first, as it would be if it
 * had stayed where it was.
 */
export async function readMoved(
  { id }: InventoryRecord,
  context: Pick<RunContext, 'store'> & { guard(): void },
): Promise<SecretEntry | Failure> {
  const { targetName, names } = parseResourceId(id);
  const path = names.join('/');
  try {
    const store = await context.store(targetName);
    let answer = await store.read(path);
    if (answer.state === 'absent' && (await infoOf(store, path))?.deleted === true) {
      context.guard();
      await store.undelete(path);
      answer = await store.read(path);
    }
    if (answer.state === 'present') {
      return answer.seen;
    }
    return notReadable(id, answer.state === 'absent' ? 'it is not there any more' : answer.why);
  } catch (error) {
    return error instanceof Failure ? error : notReadable(id, causeOf(error));
  }
}

function notReadable(id: ResourceId, why: string): Failure {
  return new Failure({
    code: 'move-unreachable',
    message: `the value that moves from ${id} cannot be read: ${why}`,
    object: id,
    remedy: 'make it readable and run the command again: nothing is made anew in its place',
  });
}
