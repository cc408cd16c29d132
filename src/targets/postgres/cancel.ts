import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { Failure } from '../../model/failure.ts';
import { connectSuperuser, type ClientOptions } from '../process/superuser-client.ts';

/** How often a running statement is cancelled before its session is ended, and how long is waited between. */
const cancellations = 20;
const pauseMilliseconds = 100;

/**
 * Runs `work` on a connection. When `signal` aborts, what the server does for it is cancelled, again and again until
 * `work` has ended: a statement may begin just after one was cancelled. A transaction is rolled back by that.
 *
 * @throws Failure `interrupted` when it had aborted before
 */
export async function cancellable<T>(
  client: Client,
  options: ClientOptions,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  requireGoingOn(signal);
  const ended = new AbortController();
  const cancel = (): void => void cancelUntil(ended.signal, client, options).catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true, signal: ended.signal });
  try {
    return await work();
  } finally {
    ended.abort();
  }
}

/** Throws the Failure `interrupted` when the run was given up. */
export function requireGoingOn(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw new Failure({ code: 'interrupted', message: 'given up, as was asked' });
  }
}

async function cancelUntil(ended: AbortSignal, client: Client, options: ClientOptions): Promise<void> {
  // The library knows the process that serves it, and its types do not say so.
  const { processID: pid } = client as Client & { readonly processID?: number };
  const other = await connectSuperuser(options);
  try {
    for (let count = 0; !ended.aborted; count += 1) {
      const how = count < cancellations ? 'pg_cancel_backend' : 'pg_terminate_backend';
      await other.query(`SELECT ${how}($1)`, [pid]);
      await delay(pauseMilliseconds, undefined, { signal: ended }).catch(() => {});
    }
  } finally {
    await other.end();
  }
}
