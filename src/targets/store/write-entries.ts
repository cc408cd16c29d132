import type { Applied, ApplyContext } from '../../engine/interfaces.ts';
import type { Change } from '../../model/change.ts';
import { digestOf } from '../../model/digest.ts';
import { asError } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { Metadata, SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { sameContent } from './content.ts';

/** An entry as it shall be, and as it was read. */
export interface EntryToWrite {
  readonly path: string;
  readonly data: ReadonlyMap<string, Secret>;
  readonly metadata: Metadata;
  readonly current: SecretEntry | undefined;
}

/** How often an entry is looked at again that somebody else wrote meanwhile. */
const attempts = 4;

/**
 * Carries out changes of entries, and those once more whose entry somebody else wrote meanwhile.
 *
 * @param once one attempt at all that are left, from 1
 * @param lookAgain at changes that are tried once more
 */
export async function* withoutConflict<Ready extends { readonly change: Change }>(
  changes: readonly Ready[],
  once: (changes: readonly Ready[], attempt: number) => AsyncIterable<readonly [Ready, Applied | Error]>,
  lookAgain: (changes: readonly Ready[]) => Promise<readonly Ready[]> = (again) => Promise.resolve(again),
): AsyncIterable<readonly [Ready, Applied]> {
  let open = changes;
  for (let attempt = 1; open.length > 0; attempt++) {
    const again: Ready[] = [];
    for await (const [ready, result] of once(open, attempt)) {
      if (result instanceof CheckAndSetConflict && attempt < attempts) {
        again.push(ready);
      } else {
        const { id } = ready.change;
        yield [ready, result instanceof Error ? { id, outcome: 'failed', error: result } : result];
      }
    }
    open = again.length === 0 ? again : await lookAgain(again);
  }
}

/**
 * Writes entries in bulk, with check-and-set, and answers the version of each. Content that has not changed is never
 * written; then only its metadata is.
 */
export async function* writeEntries<Entry extends EntryToWrite>(
  backend: SecretBackend,
  entries: readonly Entry[],
  io: Pick<ApplyContext, 'guard'>,
): AsyncIterable<readonly [Entry, string | Error]> {
  const changed: Entry[] = [];
  for (const entry of entries) {
    if (entry.current !== undefined && sameContent(entry.current.data, entry.data)) {
      yield [entry, await refreshMetadata(backend, entry.current, entry.metadata, io)];
    } else {
      changed.push(entry);
    }
  }
  if (changed.length === 0) {
    return;
  }
  io.guard();
  const results = await backend.writeMany(
    changed.map(({ path, data, metadata, current }) => ({
      path,
      data,
      metadata,
      expect: current?.version ?? 'absent',
    })),
  );
  for (const entry of changed) {
    const result = results.get(entry.path) ?? new Error('the store gave no result');
    yield [entry, result instanceof Error ? result : result.version];
  }
}

async function refreshMetadata(
  backend: SecretBackend,
  current: SecretEntry,
  metadata: Metadata,
  io: Pick<ApplyContext, 'guard'>,
): Promise<string | Error> {
  try {
    if (digestOf(current.metadata) !== digestOf(metadata)) {
      io.guard();
      await backend.writeMetadata(current.path, metadata);
    }
    return current.version;
  } catch (error) {
    return asError(error);
  }
}
