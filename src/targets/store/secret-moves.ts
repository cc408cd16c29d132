import type { InventoryRecord, Move, RunContext } from '../../engine/interfaces.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import { infoOf } from './entries.ts';
import { matchMoves } from './move-matching.ts';
import type { SecretSpec } from './secret.spec.ts';

/** The same entry of the same document under another path, else an entry of the same document with the same keys. */
export function secretMoves(
  wanted: readonly Resource<SecretSpec>[],
  leaving: readonly InventoryRecord[],
): ReadonlyMap<ResourceId, Move> {
  return matchMoves(wanted, leaving, [
    {
      ofResource: ({ spec: { origin } }) => origin && JSON.stringify([origin.document, origin.entry]),
      ofRecord: ({ removal }) =>
        removal?.document === undefined ? undefined : JSON.stringify([removal.document, removal.entry]),
    },
    {
      ofResource: ({ spec: { origin, keys } }) => origin && `${origin.document} ${keyNames(keys)}`,
      ofRecord: ({ removal }) => (removal?.document === undefined ? undefined : `${removal.document} ${removal.keys}`),
    },
  ]);
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
