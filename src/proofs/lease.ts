import type { Secret } from '../model/secret.ts';
import { vaultClientOf } from '../stores/vault/client-of.ts';
import { lookUpLease, type LeaseTimes } from '../targets/vault/database-lease.ts';
import { broken, held, type Measurer, type ProofTools, unknown } from './measurer.ts';
import type { EngineLease, LeaseProbeSpec } from './proofs.spec.ts';
import { readMark } from '../targets/process/mark.ts';
import { asSuperuser } from './superuser.ts';

/** A keeper looks about every few seconds; a login that is there a minute after its end is kept by nobody. */
const grace = 60_000;

interface LeaseRole {
  readonly name: string;
  readonly login: boolean;
  readonly member: boolean;
  /** ISO 8601; null: for ever. */
  readonly until: string | null;
  readonly comment: string;
  readonly now: string;
}

/** The login that the store holds is alive until the store says, and no login has outlived its end. */
export const leaseAliveMeasurer: Measurer<LeaseProbeSpec> = async (spec, tools) => {
  const { lease } = spec;
  if (lease === undefined) {
    return unknown('the claim names no entry');
  }
  const answer = await (await tools.run.store(lease.store)).read(lease.path);
  if (answer.state === 'absent') {
    return broken(`${lease.store}/${lease.path} holds no credential`, 'keywright apply');
  }
  if (answer.state !== 'present') {
    return unknown(answer.why);
  }
  const username = answer.seen.data.get('username')?.expose() ?? '';
  const times = spec.engine && (await timesOf(spec.engine, answer.seen.data.get('lease'), tools));
  if (spec.engine !== undefined && times === undefined) {
    return broken(`the engine of ${spec.engine.store} knows no lease of ${username}`, 'keywright apply');
  }
  const expires = times?.expires.toISOString() ?? answer.seen.metadata['expires'] ?? '';
  const client = await asSuperuser(spec.endpoint, 'postgres', tools);
  const { rows } = await client.query<LeaseRole>(
    `SELECT r.rolname AS name, r.rolcanlogin AS login,
            EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                     WHERE m.member = r.oid AND g.rolname = $1) AS member,
            CASE WHEN isfinite(r.rolvaliduntil)
              THEN to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END AS until,
            coalesce(shobj_description(r.oid, 'pg_authid'), '') AS comment,
            to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS now
       FROM pg_roles r
      WHERE r.rolname = $2 OR shobj_description(r.oid, 'pg_authid') LIKE '%keywright%'`,
    [spec.group, username],
  );
  const outlived = rows.filter((role) => isOf(role, spec, tools.run.fleet) && endedFor(role) > grace);
  if (outlived.length > 0) {
    return broken(
      outlived.map((role) => `${role.name} ended at ${role.until} and is still there`).join('; '),
      'keywright sweep (or keep the fleet: keywright up)',
    );
  }
  const role = rows.find(({ name }) => name === username);
  const source = `${lease.store}/${lease.path}`;
  if (role === undefined || !role.login) {
    return broken(`${source} names login ${username}, which is not there`, 'keywright apply');
  }
  const faults = [
    ...(role.member ? [] : [`is no member of ${spec.group}`]),
    ...(role.until === null ? ['never ends'] : []),
    ...(endedFor(role) > 0 ? [`ended at ${role.until}`] : []),
    ...(role.until !== null && !isAbout(Date.parse(role.until) - Date.parse(expires), spec)
      ? [`ends at ${role.until}, the store says ${expires}`]
      : []),
  ];
  return faults.length === 0
    ? held(`${username} of ${source} lives until ${role.until}; no login outlived its end`)
    : broken(`${username} of ${source} ${faults.join(', ')}`, 'keywright apply');
};

/** When the lease ends, as the engine says; undefined: it knows of none. */
async function timesOf(
  engine: EngineLease,
  lease: Secret | undefined,
  tools: ProofTools,
): Promise<LeaseTimes | undefined> {
  const client = vaultClientOf(await tools.run.store(engine.store), engine.store);
  return lease === undefined ? undefined : lookUpLease(client, lease.expose());
}

/** An engine lets a login live some seconds longer than its lease. */
function isAbout(later: number, { engine }: LeaseProbeSpec): boolean {
  return later >= -1_000 && later <= (engine === undefined ? 1_000 : 10_000);
}

/** It bears the mark of this lease, or of a proof of it. */
function isOf({ comment }: LeaseRole, { resource }: LeaseProbeSpec, fleet: string): boolean {
  const mark = readMark(comment);
  return mark?.fleet === fleet && (mark.id === resource || mark.id.startsWith(`${resource}/`));
}

/** Milliseconds since its end; negative: still alive. */
function endedFor({ until, now }: LeaseRole): number {
  return until === null ? Number.NEGATIVE_INFINITY : Date.parse(now) - Date.parse(until);
}
