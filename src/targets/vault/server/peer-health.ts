import { asNumber, asText } from '../../../stores/vault/reply.ts';
import { NoAnswer } from '../../../stores/vault/transport.ts';
import type { PeerApi } from './peer-api.ts';

/**
 * How a peer is. Each of these wants something else done, so none is folded into "unhealthy"; and a status code alone
 * does not tell them apart: a leader whose audit disk is full answers 200, a standby without a leader 429.
 */
export type PeerHealth =
  | { readonly state: 'active' }
  | { readonly state: 'standby'; readonly leader: string }
  /** Unsealed, but no peer leads: too few are unsealed and reach one another. */
  | { readonly state: 'leaderless' }
  | { readonly state: 'sealed'; readonly given: number; readonly threshold: number }
  | { readonly state: 'uninitialised' }
  /** Active, and refuses every request because no audit device can record it. */
  | { readonly state: 'auditBlocked' }
  | { readonly state: 'unreachable'; readonly why: string }
  | { readonly state: 'unknown'; readonly why: string };

/** Asks a peer how it is; needs no token. Never throws but when interrupted. */
export async function peerHealth(api: PeerApi): Promise<PeerHealth> {
  const health = await api.ask('GET', 'sys/health');
  if (health instanceof NoAnswer) {
    return { state: 'unreachable', why: health.message };
  }
  switch (health.status) {
    case 200:
      return (await recordsRequests(api)) ? { state: 'active' } : { state: 'auditBlocked' };
    case 429:
    case 473:
      return standby(api);
    case 501:
      return { state: 'uninitialised' };
    case 503: {
      const status = await api.ask('GET', 'sys/seal-status');
      const data = status instanceof NoAnswer ? {} : status.data;
      return { state: 'sealed', given: asNumber(data['progress']), threshold: asNumber(data['t']) };
    }
    case 474:
      return { state: 'leaderless' };
    default:
      return { state: 'unknown', why: `sys/health answered ${health.status}` };
  }
}

/** One line for a person. */
export function healthSentence(health: PeerHealth): string {
  switch (health.state) {
    case 'active':
      return 'active';
    case 'standby':
      return `standby of ${health.leader}`;
    case 'leaderless':
      return 'unsealed, but the cluster has no leader';
    case 'sealed':
      return `sealed (${health.given} of ${health.threshold} shares given)`;
    case 'uninitialised':
      return 'never initialised';
    case 'auditBlocked':
      return 'active, but refuses every request: its audit log cannot be written';
    case 'unreachable':
      return `does not answer: ${health.why}`;
    case 'unknown':
      return health.why;
  }
}

async function standby(api: PeerApi): Promise<PeerHealth> {
  const leader = await api.ask('GET', 'sys/leader');
  const address = leader instanceof NoAnswer ? '' : asText(leader.data['leader_address']);
  return address === '' ? { state: 'leaderless' } : { state: 'standby', leader: address };
}

/** A request without a token is refused with 403, and with 500 when it cannot be recorded. */
async function recordsRequests(api: PeerApi): Promise<boolean> {
  const probe = await api.ask('GET', 'auth/token/lookup-self');
  return probe instanceof NoAnswer || probe.status !== 500 || probe.errors[0] !== 'internal error';
}
