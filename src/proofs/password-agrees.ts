import { causeOf } from '../model/failure.ts';
import { verifierBelongsTo } from '../targets/postgres/scram.ts';
import { connectSuperuser } from '../targets/process/superuser-client.ts';
import { broken, held, keyOf, known, type Measurer, unknown } from './measurer.ts';
import type { AccessProbeSpec } from './proofs.spec.ts';

/** The verifier that PostgreSQL keeps belongs to the password that the store holds; no login is spent on it. */
export const passwordAgreesMeasurer: Measurer<AccessProbeSpec> = async (spec, tools) => {
  const { entry: ref } = spec.credential;
  const entry = await tools.entry(ref);
  const user = keyOf(entry, 'username', ref).expose();
  const password = keyOf(entry, 'password', ref);
  let client: Awaited<ReturnType<typeof connectSuperuser>>;
  try {
    client = await connectSuperuser({
      socketDirectory: known(spec.endpoint.socketDirectory),
      port: known(spec.endpoint.port),
      database: 'postgres',
      applicationName: 'keywright verify',
    });
  } catch (error) {
    return unknown(causeOf(error));
  }
  tools.after(async () => {
    await client.end();
  });
  const { rows } = await client.query<{ rolpassword: string | null; rolcanlogin: boolean }>(
    'SELECT rolpassword, rolcanlogin FROM pg_catalog.pg_authid WHERE rolname = $1',
    [user],
  );
  const [role] = rows;
  if (role === undefined) {
    return broken(`there is no role ${user}`, 'keywright apply');
  }
  if (role.rolpassword === null) {
    return broken(`${user} has no password in PostgreSQL`, 'keywright apply');
  }
  return (await verifierBelongsTo(role.rolpassword, password))
    ? held(`the SCRAM-SHA-256 verifier of ${user} belongs to ${ref.store}/${ref.path}`)
    : broken(`the verifier of ${user} is of another password than ${ref.store}/${ref.path} holds`, 'keywright apply');
};
