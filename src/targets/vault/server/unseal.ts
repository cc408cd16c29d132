import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../../model/failure.ts';
import type { Secret } from '../../../model/secret.ts';
import { redact, requestBody } from '../../../stores/vault/body.ts';
import { asNumber } from '../../../stores/vault/reply.ts';
import { NoAnswer } from '../../../stores/vault/transport.ts';
import { peerSilent } from './peer-api.ts';
import type { PeerApi } from './peer-api.ts';

/** A joining peer takes about two seconds until it has the seal configuration. */
const joinMilliseconds = 60_000;

/** A peer that is unsealed takes a while to have what it needs from the leader, the longer the busier the machine is. */
const unsealMilliseconds = 120_000;

/** One that lacks something of the leader's when it joins gives up, and stays sealed until the shares are given again. */
const forgottenMilliseconds = 5_000;

/**
 * Unseals one peer with shares; one that is unsealed already is left alone. Waits for a fresh peer to join the cluster
 * first.
 *
 * `beforeShares` is called when nothing but the shares is missing.
 *
 * Throws `vault-shares-missing` when there are too few, `vault-share-wrong` when the server refuses them (it cannot tell
 * which one), `vault-peer-still-sealed`, `vault-peer-unreachable`; no message holds a share.
 */
export async function unseal(
  api: PeerApi,
  shares: readonly Secret[],
  signal?: AbortSignal,
  beforeShares?: () => void,
): Promise<void> {
  const before = await joined(api, signal);
  if (!before.sealed) {
    return;
  }
  if (shares.length < before.threshold) {
    throw new Failure({
      code: 'vault-shares-missing',
      message: `peer ${api.peer.nodeId} needs ${before.threshold} shares to unseal, and there are ${shares.length}`,
      object: api.peer.nodeId,
      remedy: 'Ask more key holders, or let them unseal it: bao operator unseal.',
      exitCode: 3,
    });
  }
  if (before.progress > 0) {
    // Shares of an earlier, broken-off try would be counted together with ours.
    await put(api, { reset: true });
  }
  beforeShares?.();
  const give = async (): Promise<void> => {
    for (const share of shares.slice(0, before.threshold)) {
      await put(api, { key: share });
    }
  };
  await give();
  let given = performance.now();
  for (const deadline = given + unsealMilliseconds; performance.now() < deadline;) {
    if (!(await sealStatus(api)).sealed) {
      return;
    }
    if (performance.now() > given + forgottenMilliseconds) {
      // Taken once, they are right: that it refuses them now says that it is in the midst of joining.
      await give().catch(onlyFailures);
      given = performance.now();
    }
    await delay(20, undefined, signal && { signal });
  }
  throw new Failure({
    code: 'vault-peer-still-sealed',
    message: `peer ${api.peer.nodeId} took the shares, and is sealed ${unsealMilliseconds / 1000} s later`,
    object: api.peer.nodeId,
    why: 'it may lack what it needs from the leader',
    remedy: 'look at its log, then run the command again',
  });
}

/** How far a peer is after some shares were given. */
export interface SealProgress {
  readonly sealed: boolean;
  readonly given: number;
  readonly threshold: number;
}

/**
 * Gives shares to a peer, in addition to those that others gave: holders in different places unseal it one after the
 * other. A wrong share is noticed only with the last one that is needed. Throws `vault-share-wrong`,
 * `vault-peer-unreachable`; no message holds a share.
 */
export async function giveShares(api: PeerApi, shares: readonly Secret[]): Promise<SealProgress> {
  for (const share of shares) {
    if (!(await sealStatus(api)).sealed) {
      break;
    }
    await put(api, { key: share });
  }
  const { sealed, progress, threshold } = await sealStatus(api);
  return { sealed, given: progress, threshold };
}

interface SealStatus {
  readonly initialised: boolean;
  readonly sealed: boolean;
  readonly threshold: number;
  readonly progress: number;
}

async function joined(api: PeerApi, signal?: AbortSignal): Promise<SealStatus> {
  for (const deadline = performance.now() + joinMilliseconds; ;) {
    const status = await sealStatus(api);
    if (status.initialised) {
      return status;
    }
    if (performance.now() > deadline) {
      throw new Failure({
        code: 'vault-peer-did-not-join',
        message: `peer ${api.peer.nodeId} did not join the cluster within ${joinMilliseconds / 1000} s`,
        object: api.peer.nodeId,
        why: 'it found no unsealed peer among those that it was told of',
        remedy: 'Look at its log for "failed to join".',
      });
    }
    await delay(50, undefined, signal && { signal });
  }
}

async function sealStatus(api: PeerApi): Promise<SealStatus> {
  const status = await api.ask('GET', 'sys/seal-status');
  if (status instanceof NoAnswer) {
    throw peerSilent(api.peer, status);
  }
  return {
    initialised: status.data['initialized'] === true,
    sealed: status.data['sealed'] !== false,
    threshold: asNumber(status.data['t']),
    progress: asNumber(status.data['progress']),
  };
}

async function put(api: PeerApi, body: object): Promise<void> {
  const reply = await api.ask('PUT', 'sys/unseal', body, 30_000);
  if (reply instanceof NoAnswer) {
    throw peerSilent(api.peer, reply);
  }
  if (reply.status !== 200) {
    const { secrets } = requestBody(body);
    throw wrongShares(api, redact(reply.errors.join('; '), secrets) || `status ${reply.status}`);
  }
}

function onlyFailures(error: unknown): void {
  if (!(error instanceof Failure)) {
    throw error;
  }
}

function wrongShares(api: PeerApi, says: string): Failure {
  return new Failure({
    code: 'vault-share-wrong',
    message: `peer ${api.peer.nodeId} does not unseal with these shares: ${says}`,
    object: api.peer.nodeId,
    why: 'at least one of them belongs to another cluster or to older keys; the server cannot tell which',
    remedy: 'Check each share with its holder.',
  });
}
