import type { Failure } from '../../model/failure.ts';
import type { CallState } from './call-state.ts';
import * as failures from './failures.ts';
import type { AgainReason } from './judge.ts';
import type { Reply } from './reply.ts';
import { asNumber } from './reply.ts';
import { NoAnswer } from './transport.ts';

/** What keeps a call from being done now, and may pass. */
export type Obstacle = NoAnswer | { readonly why: AgainReason; readonly reply: Reply };

export interface Patience {
  /** A server answered this client at least once: its absence is an outage that may pass, not a wrong address. */
  readonly reached: boolean;
  /** Milliseconds. */
  readonly patience: number;
  readonly sealedPatience: number;
}

/** An engine's own error (its database is down) does not go away by asking for half a minute. */
const serverErrorPatience = 1500;

/** How long a call that meets this obstacle is repeated, in milliseconds. */
export function patienceFor(obstacle: Obstacle, { reached, patience, sealedPatience }: Patience): number {
  const short = Math.min(patience, sealedPatience);
  if (obstacle instanceof NoAnswer) {
    return reached && !isCertificateError(obstacle) ? patience : short;
  }
  switch (obstacle.why) {
    case 'sealed':
    case 'internalError':
      return short;
    case 'serverError':
      return Math.min(patience, serverErrorPatience);
    case 'noLeader':
    case 'standby':
    case 'rateLimited':
    case 'behind':
    case 'engineStarting':
      return patience;
  }
}

/** Whether it stands in the way of every call, not of this one alone. */
export function isOutage(obstacle: Obstacle): boolean {
  return obstacle instanceof NoAnswer || !['rateLimited', 'engineStarting', 'serverError'].includes(obstacle.why);
}

export function isSealed(obstacle: Obstacle): obstacle is Exclude<Obstacle, NoAnswer> {
  return !(obstacle instanceof NoAnswer) && obstacle.why === 'sealed';
}

export interface GivenUp {
  readonly state: CallState;
  /** Where the last attempt went. */
  readonly address: URL;
  readonly addresses: readonly string[];
  readonly sealStatus: Readonly<Record<string, unknown>>;
}

/** What to tell when patience is over. */
export function failureOf(obstacle: Obstacle, { state, address, addresses, sealStatus }: GivenUp): Failure {
  const { name } = state;
  if (obstacle instanceof NoAnswer) {
    if (isCertificateError(obstacle)) {
      return failures.certificateRefused(name.store, address.origin, obstacle);
    }
    return state.standby === undefined
      ? failures.unreachable(name.store, addresses, obstacle)
      : noLeader(state, addresses);
  }
  if (obstacle.why === 'sealed' && state.standby?.leader?.origin === address.origin) {
    return noLeader(state, addresses);
  }
  switch (obstacle.why) {
    case 'sealed':
      return sealStatus['initialized'] === false
        ? failures.uninitialised(name.store, address.origin)
        : failures.sealed(name.store, {
            address: address.origin,
            given: asNumber(sealStatus['progress']),
            threshold: asNumber(sealStatus['t']),
            waited: state.waited(),
          });
    case 'noLeader':
    case 'standby':
    case 'behind':
      return noLeader(state, addresses);
    case 'rateLimited':
      return failures.rateLimited(name, state.waited());
    case 'internalError':
      return failures.auditBlocked(name);
    case 'engineStarting':
    case 'serverError':
      return failures.serverError(name, obstacle.reply, state.text(obstacle.reply));
  }
}

function noLeader(state: CallState, addresses: readonly string[]): Failure {
  const { standby, name } = state;
  const named = standby?.leader && {
    by: standby.address.origin,
    leader: standby.leader.origin,
    ...(standby.leaderSays !== undefined && { says: standby.leaderSays }),
  };
  return failures.noLeader(name.store, { addresses, waited: state.waited(), ...(named && { named }) });
}

/** The server failed at a write that may not be repeated, and may have done it. */
export function failureOfHalfDone(why: AgainReason, state: CallState, reply: Reply): Failure {
  const text = state.text(reply);
  switch (why) {
    case 'internalError':
      return failures.auditBlocked(state.name);
    case 'noLeader':
      return failures.outcomeUnknown(state.name, new Error(text));
    case 'sealed':
    case 'standby':
    case 'rateLimited':
    case 'behind':
    case 'engineStarting':
    case 'serverError':
      return failures.serverError(state.name, reply, text);
  }
}

/** TLS refused the server's certificate: waiting changes nothing, and another address is a small hope. */
function isCertificateError({ code = '', sent }: NoAnswer): boolean {
  return !sent && /CERT|SIGNED|ISSUER|ALTNAME|VERIFY/.test(code);
}
