import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { Metadata, SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { readPresent } from '../store/entries.ts';

/** A certificate that an authority issued and that has not expired. */
export interface IssuedRecord {
  /** Lower-case hex. */
  readonly serial: string;
  /** Resource id of the certificate. */
  readonly id: string;
  /** SHA-256 of the issuer's DER, hex. */
  readonly issuer: string;
  /** ISO 8601. */
  readonly notAfter: string;
  /** By what it is known when its certificate has another id. */
  readonly like?: readonly string[];
  /** ISO 8601. */
  readonly revokedAt?: string;
  /** `left`: its resource was not among the active ones. `asked`: by a person, or because its resource is active again. */
  readonly revokedFor?: 'left' | 'asked';
}

/** A certificate that stands in a revocation list. */
export interface RevokedRecord {
  readonly serial: string;
  /** ISO 8601. */
  readonly at: string;
  readonly issuer: string;
  readonly notAfter: string;
}

/** Entry that remembers every certificate that may still be presented, below an authority's folder. */
export function registryPath(authorityPath: string): string {
  return `${authorityPath}/issued`;
}

const key = 'issued';
const attempts = 20;

/** Every serial that the authority issued and that has not expired, as the registry knows. */
export function readRegistry(entry: SecretEntry | undefined): readonly IssuedRecord[] {
  return readList<IssuedRecord>(entry, key);
}

/** A JSON list in a key of an entry; empty when there is none. Throws a Failure when it cannot be read. */
export function readList<T>(entry: SecretEntry | undefined, name: string): readonly T[] {
  const text = entry?.data.get(name)?.expose();
  if (text === undefined) {
    return [];
  }
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) {
      return list as T[];
    }
  } catch {
    // Answered below, without the text.
  }
  throw new Failure({
    code: 'registry-damaged',
    message: `entry ${entry?.path} is damaged: ${name} is no list`,
    why: 'without it nobody knows which certificates to revoke',
    remedy: 'bring the entry back from an earlier version or a backup of its store',
  });
}

/**
 * Changes the registry under check-and-set, and drops what has expired. `change` may be called several times. Nothing is
 * written when it gives its argument back.
 */
export async function changeRegistry(
  backend: SecretBackend,
  authorityPath: string,
  options: { readonly now: Date; readonly metadata: (metadata: Metadata) => Metadata; readonly guard: () => void },
  change: (issued: readonly IssuedRecord[]) => readonly IssuedRecord[],
): Promise<void> {
  const path = registryPath(authorityPath);
  for (let attempt = 1; ; attempt++) {
    const entry = (await readPresent(backend, [path])).get(path);
    const before = readRegistry(entry);
    const after = change(before);
    if (after === before) {
      return;
    }
    const valid = after.filter(({ notAfter }) => Date.parse(notAfter) > options.now.getTime());
    options.guard();
    try {
      await backend.write({
        path,
        data: new Map([[key, new Secret(JSON.stringify(valid))]]),
        metadata: options.metadata(entry?.metadata ?? {}),
        expect: entry?.version ?? 'absent',
      });
      return;
    } catch (error) {
      if (!(error instanceof CheckAndSetConflict) || attempt === attempts) {
        throw error;
      }
      // Writers that met once would meet again if they all came back at the same instant.
      await delay(Math.random() * 20 * attempt);
    }
  }
}
