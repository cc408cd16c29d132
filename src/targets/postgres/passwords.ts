import type { RunContext } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import type { Answer } from '../../model/answer.ts';

/** One key of one version of an entry of a store. */
export interface KeyPlace {
  readonly store: string;
  readonly path: string;
  readonly key: string;
}

export interface StoredPassword {
  readonly secret: Secret;
  /** Version of the entry that it was read from: what is recorded, also when a newer one was put there meanwhile. */
  readonly version: string;
}

/**
 * Reads all entries that are asked for, one call per store, and answers from them. The answer throws a Failure that
 * names the entry when it or its key is not there.
 */
export async function readPasswords(
  context: Pick<RunContext, 'store'>,
  places: readonly (KeyPlace | undefined)[],
): Promise<(place: KeyPlace) => StoredPassword> {
  const entries = new Map<string, Answer<SecretEntry>>();
  const asked = places.filter((place) => place !== undefined);
  for (const [store, ofStore] of Map.groupBy(asked, (place) => place.store)) {
    const backend = await context.store(store);
    const found = await backend.readMany([...new Set(ofStore.map(({ path }) => path))]);
    for (const [path, answer] of found) {
      entries.set(`${store} ${path}`, answer);
    }
  }
  return ({ store, path, key }) => {
    const answer = entries.get(`${store} ${path}`);
    if (answer?.state !== 'present') {
      throw missing(store, path, answer === undefined || answer.state === 'absent' ? 'it is not there' : answer.why);
    }
    const secret = answer.seen.data.get(key);
    if (secret === undefined) {
      throw missing(store, path, `it has no key ${key}`);
    }
    return { secret, version: answer.seen.version };
  };
}

function missing(store: string, path: string, why: string): Failure {
  return new Failure({
    code: 'secret-missing',
    message: `store ${store}, entry ${path}: ${why}`,
    object: `store/${store}`,
    remedy: 'apply the store first, or restore the entry',
  });
}
