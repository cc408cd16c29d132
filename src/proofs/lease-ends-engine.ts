import { setTimeout as delay } from 'node:timers/promises';
import type { Measurement } from '../model/claim.ts';
import { causeOf, Failure } from '../model/failure.ts';
import { vaultClientOf } from '../stores/vault/client-of.ts';
import { ident, qualified } from '../targets/postgres/sql.ts';
import { issueLease, lookUpLease, renewLease, revokeLease } from '../targets/vault/database-lease.ts';
import type { LeaseTimes } from '../targets/vault/database-lease.ts';
import { addressOf, login, type LoginRequest, trustOf } from './connect.ts';
import { isEnded, leftovers } from './lease-leftovers.ts';
import { broken, held, type ProofTools, unknown } from './measurer.ts';
import type { EngineLease, LeaseProbeSpec } from './proofs.spec.ts';
import { asSuperuser } from './superuser.ts';

/** An engine rounds ends up to whole seconds, so a lease that was extended by less may not have been extended. */
const rounding = 1_000;
const renewAfter = 1_500;

/**
 * A lease of the proof's own from the store's database engine: its username and password log in, its renewal extends it,
 * and when it is revoked, session, role and ownership are gone.
 */
export async function engineLeaseEnds(
  spec: LeaseProbeSpec,
  engine: EngineLease,
  tools: ProofTools,
): Promise<Measurement> {
  const client = vaultClientOf(await tools.run.store(engine.store), engine.store);
  const superuser = await asSuperuser(spec.endpoint, spec.database, tools);
  const source = `${engine.store}/${engine.mount}/creds/${engine.role}`;
  const lease = await issueLease(client, engine).catch((error: unknown) => refusalOf(error));
  if (typeof lease === 'string') {
    return broken(`the engine made no login at ${source}: ${lease}`, 'keywright apply');
  }
  const { id, username, password } = lease;
  const table = qualified('keywright', `probe_${username}`.slice(0, 63));
  tools.after(async () => {
    await revokeLease(client, id).catch(() => {});
    await superuser.query(`DROP TABLE IF EXISTS ${table}`);
    // Where revoking did not remove it, the proof leaves no login of its own behind all the same.
    await superuser.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1', [
      username,
    ]);
    const { rowCount } = await superuser.query('SELECT FROM pg_roles WHERE rolname = $1', [username]);
    if (rowCount === 1) {
      await superuser.query(`DROP OWNED BY ${ident(username)}; DROP ROLE ${ident(username)}`);
    }
  });
  const issued = tools.run.environment.now();
  const trust = await trustOf(spec.bundle, tools);
  const request: LoginRequest = {
    endpoint: spec.endpoint,
    user: username,
    database: spec.database,
    password,
    trust,
  };
  const first = await login(request, tools);
  if (first.outcome === 'couldNotAsk') {
    return unknown(first.why);
  }
  if (first.outcome === 'refused') {
    const where = addressOf(spec.endpoint);
    return broken(`username and password of one lease of ${source} were refused by ${where}: ${first.message}`);
  }
  await superuser.query(`CREATE TABLE ${table} (); ALTER TABLE ${table} OWNER TO ${ident(username)}`);
  const before = await lookUpLease(client, id);
  const faults: string[] = before === undefined ? ['the engine does not know the lease that it gave'] : [];
  let renewed = '';
  if (before !== undefined && engine.renewable) {
    const wait = renewAfter - (tools.run.environment.now().getTime() - issued.getTime());
    await delay(Math.max(0, wait), undefined, { signal: tools.signal });
    const after = await renewLease(client, id, secondsOf(before));
    renewed = ', renewed';
    if (after === undefined || after.expires.getTime() - before.expires.getTime() <= rounding) {
      faults.push(`a renewal left its end at ${before.expires.toISOString()}`);
    }
  }
  const refusal = await revokeLease(client, id).catch((error: unknown) => refusalOf(error));
  if (refusal !== undefined) {
    faults.push(`it could not be revoked: ${refusal}`);
  }
  const second = await login(request, tools);
  faults.push(
    ...(second.outcome === 'in' ? ['it still logs in'] : []),
    ...((await isEnded(first.client)) ? [] : ['its session goes on']),
    ...(await leftovers(superuser, username, table, spec.group)),
  );
  return faults.length === 0
    ? held(
        `${username}, own lease of ${source}: logged in${renewed}, revoked; refused after that, session ended, role gone, its table is ${spec.group}'s`,
      )
    : broken(`${username}, own lease of ${source}, renewed and revoked: ${faults.join('; ')}`, 'keywright apply');
}

/** What the store answered; whatever kept it from answering is thrown on. */
function refusalOf(error: unknown): string {
  if (error instanceof Failure && (error.code === 'vault-server-error' || error.exitCode !== 3)) {
    return causeOf(error);
  }
  throw error;
}

function secondsOf({ issued, expires }: LeaseTimes): number {
  return Math.round((expires.getTime() - issued.getTime()) / 1000);
}
