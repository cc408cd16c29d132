import type { InventoryRecord } from '../../engine/interfaces.ts';
import type { EntryInfo } from '../../stores/backend.ts';
import type { SeenRole } from './cluster-snapshot.ts';
import type { LeaseSpec } from './postgres.spec.ts';

/** The credential that consumers hold now, as the store tells. */
export interface CurrentLease {
  readonly username: string;
  readonly version: string;
  /** ISO 8601. */
  readonly issued: string;
  readonly expires: string;
  readonly metadata: EntryInfo['metadata'];
  readonly ownedBy: 'us' | 'others';
  /** Of a store's database engine: its id of the lease; undefined: it knows of none. */
  readonly lease?: string;
  /** Milliseconds that the engine gave it when it was issued or renewed last, by the engine's own clock. */
  readonly granted?: number;
}

export interface LeaseSeen {
  readonly current?: CurrentLease;
  /** Every login that bears the lease's mark, ended ones too. */
  readonly roles: readonly SeenRole[];
  /** The current login is a member of the access's group. */
  readonly isMember: boolean;
}

/** What a lease needs: nothing, a later end, or another login. Each has its reasons. */
export type Need = { readonly do: 'nothing' | 'renew' } | { readonly do: 'replace'; readonly why: string };

/** Ends are kept in whole seconds by some. */
const rounding = 2_000;
/** An engine lets a login live some seconds longer than its lease, in whole seconds. */
const engineGrace = 10_000;

export function needOf(spec: LeaseSpec, seen: LeaseSeen, recorded: InventoryRecord | undefined, now: Date): Need {
  const { current, roles, isMember } = seen;
  if (current === undefined) {
    return { do: 'replace', why: 'the store holds no credential' };
  }
  if (spec.engine !== undefined && current.lease === undefined) {
    return { do: 'replace', why: `the engine knows no lease of ${current.username}: it ended, or was revoked` };
  }
  const role = roles.find(({ name }) => name === current.username);
  const end = Date.parse(current.expires);
  if (role === undefined || !role.login) {
    return { do: 'replace', why: `the login ${current.username} is not there` };
  }
  if (!endsAsAgreed(role.validUntil, end, spec)) {
    return { do: 'replace', why: `the end of ${current.username} was changed by hand` };
  }
  if (!isMember) {
    return { do: 'replace', why: `${current.username} is no member of ${spec.group}` };
  }
  if (
    recorded?.fingerprint !== undefined &&
    recorded.version === current.version &&
    recorded.fingerprint !== role.password
  ) {
    return { do: 'replace', why: `the password of ${current.username} was changed by hand` };
  }
  if (recorded?.version !== undefined && recorded.version !== current.version) {
    return { do: 'replace', why: 'the entry was changed by hand, or not recorded' };
  }
  if ((current.granted ?? end - now.getTime()) > spec.ttlMilliseconds + rounding) {
    return { do: 'replace', why: `it lives until ${current.expires}, longer than the fleet says now` };
  }
  const third = spec.ttlMilliseconds / 3;
  if (end - now.getTime() >= third) {
    return { do: 'nothing' };
  }
  if (end <= now.getTime()) {
    return { do: 'replace', why: `it ended at ${current.expires}` };
  }
  const lastEnd = Date.parse(current.issued) + spec.maxTtlMilliseconds;
  return lastEnd - now.getTime() > third ? { do: 'renew' } : { do: 'replace', why: 'it may not be renewed any longer' };
}

function endsAsAgreed(validUntil: string | null, end: number, { engine }: LeaseSpec): boolean {
  const later = validUntil === null ? Number.POSITIVE_INFINITY : Date.parse(validUntil) - end;
  return later >= -1000 && later <= (engine === undefined ? 1000 : engineGrace);
}
