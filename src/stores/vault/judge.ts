import type { Reply } from './reply.ts';

/** What an answer means for the call, decided from status and text alone (the texts are the servers' own). */
export type Judgement =
  | { readonly is: 'done' }
  /** Another answer may come by itself. `processed` false: the server certainly did nothing, so any call may be repeated. */
  | { readonly is: 'again'; readonly why: AgainReason; readonly processed: boolean; readonly elsewhere: boolean }
  /** The token is unknown, expired or revoked: log in again once. */
  | { readonly is: 'login' }
  | { readonly is: 'refused' };

export type AgainReason =
  | 'sealed'
  | 'noLeader'
  | 'standby'
  | 'rateLimited'
  | 'behind'
  | 'engineStarting'
  | 'internalError'
  | 'serverError';

/** Texts with which a server says that it has no leader to ask, or that its leader is just changing. Nothing was done. */
const leaderless = [
  'local node not active but active cluster node not found',
  'no active cluster node',
  'is not active',
];

/** Texts of a leader that lost its place while it worked, under any status (400 was seen): the write may be kept or lost. */
const leaderLost = [
  'node is not the leader',
  'leadership lost while committing log',
  'leadership transfer in progress',
  'raft is already shutdown',
  'timed out enqueuing operation',
];

/** A KV v2 mount is being made: it takes no request for some seconds. */
const engineStarting = ['Upgrading from non-versioned to versioned data', 'Waiting for the primary to upgrade'];

/** @param path - what was asked for; one call says otherwise than all others that its token is unknown */
export function judge(reply: Reply, accept: readonly number[] = [], path = ''): Judgement {
  const { status } = reply;
  if ((status >= 200 && status < 300) || accept.includes(status)) {
    return { is: 'done' };
  }
  const [first = ''] = reply.errors;
  const says = (texts: readonly string[]): boolean => texts.some((text) => first.includes(text));
  if (status >= 300 && status < 400) {
    return again('standby', false, true);
  }
  if (says(leaderLost)) {
    return again('noLeader', true, true);
  }
  if (status === 400 && says(engineStarting)) {
    return again('engineStarting', false, false);
  }
  // Seen also of a good token, from a server that has just become the leader.
  const isUnknownToSelf = status === 400 && path === 'sys/capabilities-self' && first.includes('invalid token');
  if (isUnknownToSelf || (status === 403 && isBadToken(first))) {
    return { is: 'login' };
  }
  if (status === 412) {
    return again('behind', false, true);
  }
  if (status === 429) {
    return again(first === '' ? 'behind' : 'rateLimited', false, first === '');
  }
  if (status === 503 && first.includes('sealed')) {
    return again('sealed', false, true);
  }
  if (status >= 500 && says(leaderless)) {
    return again('noLeader', false, true);
  }
  if (status === 500 && first === 'internal error') {
    return again('internalError', true, true);
  }
  if (status >= 500) {
    return again('serverError', true, status !== 500);
  }
  return { is: 'refused' };
}

/**
 * Tells a token that is no good from a policy that forbids. The first is the plain text, to which newer HashiCorp Vault
 * adds `invalid token`; the second comes as a list of one error.
 */
function isBadToken(text: string): boolean {
  return text === 'permission denied' || text.includes('* invalid token') || text === 'bad token';
}

function again(why: AgainReason, processed: boolean, elsewhere: boolean): Judgement {
  return { is: 'again', why, processed, elsewhere };
}
