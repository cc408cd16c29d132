import type { Client } from 'pg';
import { connectSuperuser } from '../targets/process/superuser-client.ts';
import { known, type ProofTools } from './measurer.ts';
import type { Endpoint } from './proofs.spec.ts';

/** A superuser's connection of the proof's own, over the socket; it ends with the measurement. */
export async function asSuperuser(endpoint: Endpoint, database: string, tools: ProofTools): Promise<Client> {
  const client = await connectSuperuser({
    socketDirectory: known(endpoint.socketDirectory),
    port: known(endpoint.port),
    database,
    applicationName: 'keywright verify',
    settings: { statement_timeout: '10s', lock_timeout: '5s' },
  });
  tools.after(() => client.end());
  return client;
}

/** Looks until `look` answers something or the time is over. Throws what `look` throws. */
export async function poll<T>(
  look: () => Promise<T | undefined>,
  tools: Pick<ProofTools, 'signal'>,
  milliseconds: number,
): Promise<T | undefined> {
  for (const deadline = performance.now() + milliseconds; ;) {
    const found = await look();
    if (found !== undefined || tools.signal.aborted || performance.now() > deadline) {
      return found;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
