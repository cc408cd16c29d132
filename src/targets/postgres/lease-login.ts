import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import type { Secret } from '../../model/secret.ts';
import { formatMark, readMark } from '../process/mark.ts';
import type { SeenRole } from './cluster-snapshot.ts';
import { keepOutOfLogs } from './role-apply.ts';
import { removeRoles } from './role-removal.ts';
import { scramVerifier, verifierFingerprint } from './scram.ts';
import type { PgSession } from './session.ts';
import { commentOn, ident, literal } from './sql.ts';

/** What a login that lives for a while is made of. */
export interface LeaseLogin {
  /** The lease that it belongs to: stands in its mark, by which it is found when its time is over. */
  readonly lease: ResourceId;
  readonly name: string;
  readonly group: string;
  readonly password: Secret;
  readonly expires: Date;
  /** Default -1, no limit. */
  readonly connectionLimit?: number;
  /** `SET role = …` at login. */
  readonly setRole?: string;
}

const suffixAlphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
const suffixLength = 8;

/** `<group>_<8 random>`. */
export function leaseRoleName(group: string, randomBytes: (length: number) => Uint8Array): string {
  let suffix = '';
  while (suffix.length < suffixLength) {
    for (const byte of randomBytes(suffixLength)) {
      // 252 is the largest multiple of 36 below 256: what is above would favour the first letters.
      if (byte < 252 && suffix.length < suffixLength) {
        suffix += suffixAlphabet[byte % suffixAlphabet.length];
      }
    }
  }
  return `${group}_${suffix}`;
}

/** Makes the login in one transaction; the password goes as a verifier, past the log. Returns the verifier's fingerprint. */
export async function issueLogin(
  session: PgSession,
  login: LeaseLogin,
  randomBytes: (length: number) => Uint8Array,
): Promise<string> {
  const verifier = await scramVerifier(login.password, randomBytes);
  const role = ident(login.name);
  await session.transaction('postgres', async (send) => {
    await keepOutOfLogs(send);
    await send(
      [
        `CREATE ROLE ${role} WITH LOGIN INHERIT NOCREATEROLE NOCREATEDB NOBYPASSRLS ` +
          `CONNECTION LIMIT ${login.connectionLimit ?? -1} PASSWORD ${literal(verifier)} ` +
          `VALID UNTIL ${literal(login.expires.toISOString())}`,
        `GRANT ${ident(login.group)} TO ${role} WITH INHERIT TRUE, SET TRUE, ADMIN FALSE`,
        ...(login.setRole === undefined ? [] : [`ALTER ROLE ${role} SET role = ${literal(login.setRole)}`]),
        commentOn(`ROLE ${role}`, formatMark({ fleet: session.fleet, id: login.lease })),
      ].join(';\n'),
    );
  });
  return verifierFingerprint(verifier);
}

/** Roles that bear the mark of a lease of this fleet, of all leases or of one. */
export async function leaseRoles(session: PgSession, lease?: ResourceId): Promise<readonly SeenRole[]> {
  const { roles } = await session.cluster();
  return [...roles.values()].filter((role) =>
    lease === undefined
      ? isLeaseRole(role, session.fleet)
      : readMark(role.comment)?.fleet === session.fleet && readMark(role.comment)?.id === lease,
  );
}

/** It bears the mark of a lease of this fleet. */
export function isLeaseRole(role: SeenRole | undefined, fleet: string): boolean {
  const mark = readMark(role?.comment);
  return mark?.fleet === fleet && isLease(mark.id);
}

/** Those whose time is over. */
export function endedAt(roles: readonly SeenRole[], now: Date): readonly SeenRole[] {
  return roles.filter(({ validUntil }) => validUntil !== null && Date.parse(validUntil) <= now.getTime());
}

/**
 * Removes logins of leases whose time is over: no new login, sessions ended, what they own handed to the owner of the
 * database, roles dropped. Returns their names.
 */
export async function sweepLeases(
  session: PgSession,
  question: { readonly lease?: ResourceId; readonly now: Date; readonly guard: () => void },
): Promise<readonly string[]> {
  const ended = endedAt(await leaseRoles(session, question.lease), question.now).map(({ name }) => name);
  await dropLeaseRoles(session, ended, question.guard);
  return ended;
}

export async function dropLeaseRoles(session: PgSession, names: readonly string[], guard: () => void): Promise<void> {
  await removeRoles(session, { roles: names.map((name) => ({ name })), guard });
}

function isLease(id: string): boolean {
  try {
    return parseResourceId(id).kind === 'lease';
  } catch {
    // Somebody wrote another text into the mark: it names no lease.
    return false;
  }
}
