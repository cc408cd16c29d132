import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again until it holds; false when the time is over. Throws when interrupted, and what `holds` throws. */
export async function waitUntil(
  milliseconds: number,
  signal: AbortSignal,
  holds: () => Promise<boolean>,
): Promise<boolean> {
  for (const deadline = performance.now() + milliseconds; ;) {
    if (await holds()) {
      return true;
    }
    if (performance.now() > deadline) {
      return false;
    }
    await delay(100, undefined, { signal });
  }
}
