import { addressOf, login } from './connect.ts';
import { type DeliveredCredential, deliveredCredentials } from './delivered-credential.ts';
import { broken, held, known, type Measurer, unknown } from './measurer.ts';
import type { DeliveredLoginSpec } from './proofs.spec.ts';

/** Logs in with nothing but the delivered files, as a program of the consumer would. */
export const deliveredLoginMeasurer: Measurer<DeliveredLoginSpec> = async (spec, tools) => {
  const folder = known(spec.directory);
  let credentials: DeliveredCredential[];
  try {
    credentials = await deliveredCredentials(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return broken(`${folder}: ${(error as Error).message}`, 'keywright apply');
    }
    throw error;
  }
  const credential = credentials.find(({ service }) => service === spec.service);
  const source = `${spec.service} in ${folder}/pg_service.conf`;
  if (credential === undefined) {
    return broken(`there is no service ${source}`, 'keywright apply');
  }
  const { request, sslmode } = credential;
  if (sslmode !== 'verify-full' || request.trust === undefined) {
    return broken(`${source} does not verify the server: sslmode=${sslmode ?? 'not set'}`, 'keywright apply');
  }
  const hasCredential = spec.method === 'password' ? request.password !== undefined : request.certificate !== undefined;
  if (!hasCredential) {
    return broken(`${source} leads to no ${spec.method}`, 'keywright apply');
  }
  const answer = await login(request, tools);
  if (answer.outcome === 'couldNotAsk') {
    return unknown(answer.why);
  }
  if (answer.outcome === 'refused') {
    return broken(
      `${request.user} was refused by ${addressOf(request.endpoint)}: ${answer.message}; ${source}`,
      'keywright apply',
    );
  }
  // A login of class owner acts as the owner from its start, and its own session shows only to the login itself.
  await answer.client.query('SET ROLE NONE');
  const { rows } = await answer.client.query<{ user: string; database: string; tls: string | null }>(
    `SELECT session_user AS user, current_database() AS database,
            (SELECT version FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()) AS tls`,
  );
  const [row] = rows;
  return row?.user === request.user && row.database === request.database && row.tls !== null
    ? held(`${row.user} in ${row.database} over ${row.tls}, verify-full; ${spec.method} of ${source}`)
    : broken(`logged in as ${row?.user} in ${row?.database}, TLS ${row?.tls ?? 'none'}; ${source}`, 'keywright apply');
};
