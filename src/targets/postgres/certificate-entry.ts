import type { RunContext } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import type { SecretEntry } from '../../stores/backend.ts';

/** Reads an entry of a store whole. Throws a Failure that names it when it is not there. */
export async function readEntry(
  context: Pick<RunContext, 'store'>,
  { store, path }: { readonly store: string; readonly path: string },
): Promise<SecretEntry> {
  const answer = await (await context.store(store)).read(path);
  if (answer.state === 'present') {
    return answer.seen;
  }
  throw new Failure({
    code: 'secret-missing',
    message: `store ${store}, entry ${path}: ${answer.state === 'absent' ? 'it is not there' : answer.why}`,
    object: `store/${store}`,
    remedy: 'apply the store and its authorities first, or restore the entry',
  });
}

/** One key of an entry. Throws a Failure when the entry has no such key. */
export function keyOf(entry: SecretEntry, key: string): Secret {
  const secret = entry.data.get(key);
  if (secret === undefined) {
    throw new Failure({ code: 'secret-missing', message: `entry ${entry.path} has no key ${key}`, object: entry.path });
  }
  return secret;
}

/** Throws a Failure with everything that is wrong with a certificate, before a server reads it. */
export function requireFit(object: string, findings: readonly { readonly sentence: string }[]): void {
  if (findings.length > 0) {
    throw new Failure({
      code: 'certificate-unfit',
      message: `${object}: ${findings.map(({ sentence }) => sentence).join('; ')}`,
      object,
      why: 'PostgreSQL or its clients would refuse it; nothing was written',
      remedy: 'mend the entry in the store, or apply the authority that issues it',
    });
  }
}
