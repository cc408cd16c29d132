import { setTimeout as delay } from 'node:timers/promises';
import type { LocalSite } from '../../targets/process/local-site.ts';
import { healthOf } from '../../targets/vault/server/local-health.ts';
import { serversOf } from '../local-sites.ts';

const lookMilliseconds = 1_000;

/** Waits for the key holders of stores that are sealed. False when `stop` came first. */
export async function untilUnsealed(sites: readonly LocalSite[], stop: AbortSignal): Promise<boolean> {
  while (!stop.aborted) {
    const running = (await serversOf(sites)).filter(({ pid }) => pid !== undefined);
    const peers = running.flatMap(({ peer }) => peer ?? []);
    const healths = await Promise.all(peers.map((peer) => healthOf(peer)));
    if (!healths.some((health) => health?.state === 'sealed')) {
      return true;
    }
    await delay(lookMilliseconds, undefined, { signal: stop }).catch(() => undefined);
  }
  return false;
}
