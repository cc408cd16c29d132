import type { Client } from 'pg';
import { parseResourceId, type ResourceId, resourceId } from '../model/ids.ts';
import { generateValue } from '../stores/generate.ts';
import { issueLogin, leaseRoleName, sweepLeases } from '../targets/postgres/lease.ts';
import { PgSession } from '../targets/postgres/session.ts';
import { ident, qualified } from '../targets/postgres/sql.ts';
import { serverFolderOf } from '../targets/process/server-folder.ts';
import { addressOf, login, type LoginRequest, trustOf } from './connect.ts';
import { engineLeaseEnds } from './lease-ends-engine.ts';
import { isEnded, leftovers } from './lease-leftovers.ts';
import { broken, held, known, type Measurer, type ProofTools, unknown } from './measurer.ts';
import type { LeaseProbeSpec } from './proofs.spec.ts';
import { asSuperuser, poll } from './superuser.ts';

/** How long the probe's own login lives: long enough to log in on a busy machine. */
const lifetime = 5_000;

/** A login of the probe's own is issued, used, and ends: no new session, the old one gone, what it owned handed over. */
export const leaseEndsMeasurer: Measurer<LeaseProbeSpec> = async (spec, tools) => {
  if (spec.engine !== undefined) {
    return engineLeaseEnds(spec, spec.engine, tools);
  }
  const random = (length: number): Uint8Array => tools.run.environment.randomBytes(length);
  const name = leaseRoleName(spec.group, random);
  const lease = probeId(spec, name);
  const password = generateValue({ password: 32 }, random);
  const superuser = await asSuperuser(spec.endpoint, spec.database, tools);
  const table = qualified('keywright', `probe_${name}`.slice(0, 63));
  tools.after(async () => {
    await withSession(spec, tools, (session) => sweepLeases(session, { lease, now: forever, guard: () => {} }));
    await superuser.query(`DROP TABLE IF EXISTS ${table}`);
  });
  const expires = new Date(tools.run.environment.now().getTime() + lifetime);
  await withSession(spec, tools, (session) =>
    issueLogin(session, { lease, name, group: spec.group, password, expires, setRole: spec.expectRole }, random),
  );
  const request: LoginRequest = {
    endpoint: spec.endpoint,
    user: name,
    database: spec.database,
    password,
    trust: await trustOf(spec.bundle, tools),
  };
  const first = await login(request, tools);
  if (first.outcome === 'couldNotAsk') {
    return unknown(first.why);
  }
  if (first.outcome === 'refused') {
    return tools.run.environment.now() < expires
      ? broken(
          `a new login of ${spec.group} was refused by ${addressOf(spec.endpoint)}: ${first.message}`,
          'keywright apply',
        )
      : unknown(`it took longer than ${lifetime / 1000} s to log in`);
  }
  await superuser.query(`CREATE TABLE ${table} (); ALTER TABLE ${table} OWNER TO ${ident(name)}`);
  await poll(async () => ((await isOver(superuser, name)) ? true : undefined), tools, lifetime + 10_000);
  const second = await login(request, tools);
  if (second.outcome === 'in') {
    return broken(`${name} logs in after its end, ${expires.toISOString()}`, 'keywright apply');
  }
  await withSession(spec, tools, (session) =>
    sweepLeases(session, { lease, now: tools.run.environment.now(), guard: () => {} }),
  );
  const faults = [
    ...((await isEnded(first.client)) ? [] : ['its session goes on']),
    ...(await leftovers(superuser, name, table, spec.owner)),
  ];
  return faults.length === 0
    ? held(
        `${name}, own login of ${lifetime / 1000} s: refused after its end, session ended, role gone, its table is ${spec.owner}'s`,
      )
    : broken(`${name}, own login, after its end and a sweep: ${faults.join('; ')}`, 'keywright sweep');
};

/** Later than any end. */
const forever = new Date(8.64e15);

/** Marked as a lease of its own, so that a keeper removes what a killed proof left. */
function probeId({ resource }: LeaseProbeSpec, name: string): ResourceId {
  const { target, kind, names } = parseResourceId(resource);
  return resourceId(target, kind, ...names, name);
}

/** The run that this proof belongs to may still be the cluster's writer, so it works beside it. */
async function withSession<T>(
  { endpoint }: LeaseProbeSpec,
  { run }: ProofTools,
  work: (session: PgSession) => Promise<T>,
): Promise<T> {
  const session = new PgSession({
    name: endpoint.postgres,
    fleet: run.fleet,
    server: {
      ...serverFolderOf(known(endpoint.dataDirectory), undefined),
      socketDirectory: known(endpoint.socketDirectory),
    },
    port: known(endpoint.port),
    host: known(endpoint.host),
    hostaddr: known(endpoint.hostaddr),
    besideWriter: true,
  });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

async function isOver(superuser: Client, name: string): Promise<boolean> {
  const { rowCount } = await superuser.query(
    `SELECT FROM pg_roles WHERE rolname = $1 AND rolvaliduntil > clock_timestamp()`,
    [name],
  );
  return rowCount === 0;
}
