import { Failure } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';
import type { Environment } from '../model/environment.ts';
import { CheckAndSetConflict } from '../stores/backend.ts';
import type { SecretBackend } from '../stores/backend.ts';
import { keyedFingerprint } from '../stores/fingerprint.ts';

/** Where a fleet keeps its own records: a store, and the folder `keywright/<fleet>/` in it. */
export interface Home {
  readonly fleet: string;
  /** Name of the Store document. */
  readonly name: string;
  readonly store: SecretBackend;
}

/** `keywright/<fleet>/<names>`. */
export function homePath(home: Pick<Home, 'fleet'>, ...names: readonly string[]): string {
  return ['keywright', home.fleet, ...names].join('/');
}

const keyName = 'key';

/** The key that fingerprints are made with; undefined when the fleet has none yet. Throws a Failure when damaged. */
export async function readFingerprintKey(home: Home): Promise<Secret | undefined> {
  const path = homePath(home, 'fingerprint-key');
  const answer = await home.store.read(path);
  if (answer.state === 'absent') {
    return undefined;
  }
  if (answer.state !== 'present') {
    throw new Failure({
      code: 'home-unreachable',
      message: `store ${home.name} did not answer for ${path}: ${answer.why}`,
      object: `store/${home.name}`,
      exitCode: 3,
    });
  }
  const key = answer.seen.data.get(keyName);
  if (key === undefined || Buffer.from(key.expose(), 'base64').length !== 32) {
    throw new Failure({
      code: 'fingerprint-key-damaged',
      message: `${path} in store ${home.name} holds no 32-byte key`,
      object: `store/${home.name}`,
      why: 'fingerprints in the inventory are made with this key',
      remedy: `bring the entry back from a backup, or destroy it: the next apply makes a new key and looks at everything again`,
    });
  }
  return key;
}

/** Reads the key, and makes it when there is none. Two that make it at once end up with the same one. */
export async function ensureFingerprintKey(home: Home, environment: Environment): Promise<Secret> {
  const known = await readFingerprintKey(home);
  if (known !== undefined) {
    return known;
  }
  const key = newFingerprintKey(environment);
  try {
    await home.store.write({
      path: homePath(home, 'fingerprint-key'),
      data: new Map([[keyName, key]]),
      expect: 'absent',
    });
    return key;
  } catch (error) {
    const others = error instanceof CheckAndSetConflict ? await readFingerprintKey(home) : undefined;
    if (others === undefined) {
      throw error;
    }
    return others;
  }
}

/** 32 random bytes as base64 text. */
export function newFingerprintKey(environment: Environment): Secret {
  return new Secret(Buffer.from(environment.randomBytes(32)).toString('base64'));
}

/** Names a key without showing it, so that fingerprints made with a lost key are known to be worthless. */
export function fingerprintKeyId(key: Secret): string {
  return keyedFingerprint(key, ['keywright fingerprint key']).slice(0, 16);
}
