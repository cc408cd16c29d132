import { setTimeout as delay } from 'node:timers/promises';
import { Failure, causeOf } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';
import { CheckAndSetConflict } from '../stores/backend.ts';
import { homePath } from './home.ts';
import type { Home } from './home.ts';
import { hasEnded, ownIdentity } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** Who holds a fleet's lock. */
export interface LockHolder extends ProcessIdentity {
  /** What it does, for example `apply`. */
  readonly command: string;
  /** ISO 8601. */
  readonly since: string;
  readonly expires: string;
}

export interface LockState {
  readonly holder: LockHolder | undefined;
  /** Version of the lock's entry; undefined when it was never written. */
  readonly version: string | undefined;
}

export interface LockOptions {
  readonly command: string;
  readonly now: () => Date;
  /** How long to wait for another holder; default not at all. */
  readonly waitMilliseconds?: number;
  readonly onWait?: (holder: LockHolder) => void;
  readonly signal?: AbortSignal;
  readonly lifetimeMilliseconds?: number;
  readonly beatMilliseconds?: number;
  readonly self?: ProcessIdentity;
}

/** A lock that is held and beaten. Release it in a `finally`. */
export interface FleetLock {
  readonly holder: LockHolder;
  /** Somebody held it before this run (waited for, or taken over): what was read before may be old. */
  readonly contended: boolean;
  /** Throws the Failure `lock-lost` when it may no longer be ours. */
  guard(): void;
  /** Never throws: a lock that cannot be given back ends by itself, and what the run came to is what counts. */
  release(): Promise<void>;
}

const valueName = 'holder';

/** Reads the lock without taking it. */
export async function readLock(home: Home): Promise<LockState> {
  const path = homePath(home, 'lock');
  const answer = await home.store.read(path);
  if (answer.state === 'absent') {
    return { holder: undefined, version: undefined };
  }
  if (answer.state !== 'present') {
    throw new Failure({
      code: 'home-unreachable',
      message: `store ${home.name} did not answer for ${path}: ${answer.why}`,
      object: `store/${home.name}`,
      exitCode: 3,
    });
  }
  const text = answer.seen.data.get(valueName)?.expose() ?? '';
  return { holder: parseHolder(text), version: answer.seen.version };
}

/** Whether another run may take the lock from this holder. */
export function isOver(holder: LockHolder, now: Date, self: ProcessIdentity = ownIdentity()): boolean {
  return Date.parse(holder.expires) <= now.getTime() || hasEnded(holder, self);
}

/**
 * Takes the fleet's lock. A holder that ended on this host and boot is taken over at once, any other when its time is
 * over. Throws the Failure `fleet-locked` that names a living holder.
 */
export async function acquireLock(home: Home, options: LockOptions): Promise<FleetLock> {
  const self = options.self ?? ownIdentity();
  const lifetime = options.lifetimeMilliseconds ?? 30_000;
  const waitUntil = performance.now() + (options.waitMilliseconds ?? 0);
  const since = options.now().toISOString();
  let contended = false;
  for (;;) {
    const state = await readLock(home);
    if (state.holder === undefined || isOver(state.holder, options.now(), self)) {
      const holder = holderNow(self, options, since, lifetime);
      const version = await writeHolder(home, holder, state.version ?? 'absent');
      if (version !== undefined) {
        return startBeat(home, holder, version, contended || state.holder !== undefined, options, lifetime);
      }
    } else if (performance.now() >= waitUntil) {
      throw locked(home, state.holder);
    } else {
      options.onWait?.(state.holder);
    }
    contended = true;
    await delay(Math.min(200, lifetime / 10), undefined, { signal: options.signal });
  }
}

/** Frees the lock whoever holds it, if it still is the state that was shown. Answers false when it changed meanwhile. */
export async function removeLock(home: Home, shown: LockState): Promise<boolean> {
  return shown.version === undefined || (await writeHolder(home, undefined, shown.version)) !== undefined;
}

function startBeat(
  home: Home,
  first: LockHolder,
  firstVersion: string,
  contended: boolean,
  options: LockOptions,
  lifetime: number,
): FleetLock {
  let holder = first;
  let version = firstVersion;
  let lost: string | undefined;
  let beating: Promise<void> | undefined;

  const beat = async (): Promise<void> => {
    const next = { ...holder, expires: new Date(options.now().getTime() + lifetime).toISOString() };
    try {
      const written = await writeHolder(home, next, version);
      if (written === undefined) {
        lost = 'another Keywright took it';
        clearInterval(timer);
      } else {
        holder = next;
        version = written;
      }
    } catch (error) {
      // The store may answer again before the time is over; until then the lock is still ours.
      lastError = causeOf(error);
    }
  };
  let lastError: string | undefined;
  const timer = setInterval(() => {
    beating ??= beat().finally(() => {
      beating = undefined;
    });
  }, options.beatMilliseconds ?? 10_000);
  timer.unref();

  return {
    holder: first,
    contended,
    guard() {
      if (lost === undefined && Date.parse(holder.expires) <= options.now().getTime()) {
        lost = lastError ?? 'it was not renewed in time';
      }
      if (lost !== undefined) {
        throw new Failure({
          code: 'lock-lost',
          message: `this run lost the lock of fleet ${home.fleet}: ${lost}`,
          why: 'another Keywright may be writing, so this one wrote nothing more',
          remedy: 'run the command again',
        });
      }
    },
    async release() {
      clearInterval(timer);
      await beating;
      if (lost === undefined) {
        await writeHolder(home, undefined, version).catch(() => undefined);
      }
    },
  };
}

function holderNow(self: ProcessIdentity, options: LockOptions, since: string, lifetime: number): LockHolder {
  return {
    ...self,
    command: options.command,
    since,
    expires: new Date(options.now().getTime() + lifetime).toISOString(),
  };
}

/** The new version, or undefined when somebody else wrote first. */
async function writeHolder(
  home: Home,
  holder: LockHolder | undefined,
  expect: 'absent' | string,
): Promise<string | undefined> {
  const path = homePath(home, 'lock');
  const data = new Map([[valueName, new Secret(holder === undefined ? '' : JSON.stringify(holder))]]);
  try {
    const { version } = await home.store.write({ path, data, expect });
    return version;
  } catch (error) {
    if (error instanceof CheckAndSetConflict) {
      return undefined;
    }
    throw error;
  }
}

/** A lock that cannot be read is nobody's: its holder would fail at its next beat. */
function parseHolder(text: string): LockHolder | undefined {
  if (text === '') {
    return undefined;
  }
  try {
    const holder = JSON.parse(text) as LockHolder;
    return typeof holder.pid === 'number' && !Number.isNaN(Date.parse(holder.expires)) ? holder : undefined;
  } catch {
    return undefined;
  }
}

function locked(home: Home, holder: LockHolder): Failure {
  return new Failure({
    code: 'fleet-locked',
    message: `fleet ${home.fleet} is locked by \`keywright ${holder.command}\`, process ${holder.pid} on ${holder.host}`,
    object: homePath(home, 'lock'),
    why: `it has held the lock since ${holder.since} and renews it; two runs at once would undo each other`,
    remedy: 'wait until it is done',
    anyway: 'if that process is surely gone: keywright unlock',
  });
}
