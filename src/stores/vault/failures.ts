import { Failure, causeOf } from '../../model/failure.ts';
import { missingCapabilities } from './capability.ts';
import type { NeededCapability } from './capability.ts';
import type { Reply } from './reply.ts';
import type { NoAnswer } from './transport.ts';

/** What a failure is about: which store, which call. */
export interface CallName {
  readonly store: string;
  readonly method: string;
  readonly path: string;
  /** Our own id of the call, sent as `X-Correlation-Id`. */
  readonly callId: string;
}

/** A refusal of the server in its own words, for callers that know what to make of one (`path is already in use`). */
export class VaultRefusal extends Failure {
  readonly status: number;
  readonly errors: readonly string[];

  constructor(details: ConstructorParameters<typeof Failure>[0], status: number, errors: readonly string[]) {
    super(details);
    this.name = 'VaultRefusal';
    this.status = status;
    this.errors = errors;
  }

  says(text: string): boolean {
    return this.errors.some((error) => error.includes(text));
  }
}

const nothingChanged = 'nothing was changed by this call';

/** Every address is sealed. */
export function sealed(store: string, detail: SealDetail): Failure {
  return failure(store, {
    code: 'vault-sealed',
    message: `store ${store} is sealed (${detail.given} of ${detail.threshold} shares given)`,
    why: `${detail.address} was asked for ${seconds(detail.waited)}; ${nothingChanged}`,
    remedy: 'Its key holders unseal it: bao operator unseal, on every peer.',
    exitCode: 3,
  });
}

export interface SealDetail {
  readonly address: string;
  readonly given: number;
  readonly threshold: number;
  /** Milliseconds. */
  readonly waited: number;
}

export function uninitialised(store: string, address: string): Failure {
  return failure(store, {
    code: 'vault-uninitialised',
    message: `store ${store} was never initialised`,
    why: `${address} answers, but has no keys yet`,
    remedy: 'Run keywright apply, if Keywright runs this server; else bao operator init.',
    exitCode: 3,
  });
}

export interface LeaderSearch {
  readonly addresses: readonly string[];
  /** Milliseconds. */
  readonly waited: number;
  /** A standby's word on who leads, and what came of asking there. */
  readonly named?: { readonly by: string; readonly leader: string; readonly says?: string };
}

export function noLeader(store: string, { addresses, waited, named }: LeaderSearch): Failure {
  const result = named?.says === undefined ? '' : `, which did not answer: ${named.says}`;
  const found =
    named === undefined
      ? `${addresses.join(', ')} had none for ${seconds(waited)}`
      : `after ${seconds(waited)} ${named.by} names ${named.leader} as leader${result}`;
  return failure(store, {
    code: 'vault-no-leader',
    message: `store ${store} has no active peer${named === undefined ? '' : ' that answers'}`,
    why: `${found}; too few peers are unsealed and reach one another`,
    remedy: 'Start and unseal the other peers; bao operator raft list-peers names them.',
    exitCode: 3,
  });
}

export function unreachable(store: string, addresses: readonly string[], cause: unknown): Failure {
  return failure(store, {
    code: 'vault-unreachable',
    message: `store ${store} cannot be reached at ${addresses.join(', ')}: ${causeOf(cause)}`,
    remedy: 'Start the server, or correct addresses in the Store document.',
    exitCode: 3,
    cause,
  });
}

/** Its certificate was refused by us. */
export function certificateRefused(store: string, address: string, cause: NoAnswer): Failure {
  return failure(store, {
    code: 'vault-certificate-refused',
    message: `the certificate of store ${store} at ${address} was refused: ${cause.message}`,
    why: 'whoever answers there may not be the store, so no token was sent',
    remedy: 'Name the authority that signed it in ca of the Store document, and the right host in addresses.',
    exitCode: 3,
    cause,
  });
}

/** The connection broke after the request had gone out, and the call may not be repeated. */
export function outcomeUnknown(call: CallName, cause: unknown): Failure {
  return failure(call.store, {
    code: 'vault-outcome-unknown',
    message: `store ${call.store} did not say whether it carried out ${call.method} ${call.path}: ${causeOf(cause)}`,
    why: `repeating it could do it twice; the server's audit log has it as ${call.callId} if that header is audited`,
    remedy: 'Run the same command again: it looks at what is there before it writes.',
    exitCode: 1,
    cause,
  });
}

export function rateLimited(call: CallName, waited: number): Failure {
  return failure(call.store, {
    code: 'vault-rate-limited',
    message: `store ${call.store} refuses ${call.method} ${call.path}: a rate limit quota is exceeded`,
    why: `it still was after ${seconds(waited)}`,
    remedy: 'Raise the quota (sys/quotas/rate-limit), or try later.',
    exitCode: 3,
  });
}

/** Every request is answered "internal error" while no audit device can record it. */
export function auditBlocked(call: CallName): Failure {
  return failure(call.store, {
    code: 'vault-audit-blocked',
    message: `store ${call.store} answers every request with "internal error": its audit devices cannot record`,
    why:
      `a server that cannot record refuses to work, while its health still says 200; ` +
      `a write may have been done when only its answer could not be recorded`,
    remedy: "Look at the disk and the rights of the audit log's folder on the active peer; it heals by itself.",
    exitCode: 3,
  });
}

export function serverError(call: CallName, reply: Reply, text: string): Failure {
  return refusal(call, reply, {
    code: 'vault-server-error',
    message: `store ${call.store} failed at ${call.method} ${call.path}: ${text || `status ${reply.status}`}`,
    exitCode: 3,
  });
}

/** What came back is no answer of a Vault: a proxy, another service. */
export function notAVault(call: CallName, address: string, status: number): Failure {
  return failure(call.store, {
    code: 'vault-not-understood',
    message: `${address} did not answer as a Vault or OpenBao (status ${status}, no JSON)`,
    why: 'the answer came from something in between, or from another service',
    remedy: 'Correct addresses of the Store document.',
    exitCode: 3,
  });
}

/** A token that the server does not take, and no better one is to be had. */
export function tokenRefused(store: string, method: string, cause?: unknown): Failure {
  return failure(store, {
    code: 'vault-token-refused',
    message: `store ${store} does not accept the token of ${method}`,
    why: 'it is unknown, expired, revoked or used up',
    remedy: 'Renew what the login of the Store document names.',
    exitCode: 3,
    cause,
  });
}

export function loginFailed(store: string, method: string, says: string, remedy: string, cause?: unknown): Failure {
  return failure(store, {
    code: 'vault-login-failed',
    message: `login to store ${store} by ${method} failed: ${says}`,
    remedy,
    exitCode: 3,
    cause,
  });
}

export interface Denial {
  readonly needed: NeededCapability;
  /** What the token has there; undefined when it may not even ask. */
  readonly has?: readonly string[];
  readonly policies: readonly string[];
  /** Which policy of the fleet would allow it. */
  readonly grantedBy?: string;
}

/** A policy forbids: says which capability is missing on which path, and who would give it. */
export function permissionDenied(call: CallName, reply: Reply, denial: Denial): VaultRefusal {
  const { needed, has, policies, grantedBy } = denial;
  const missing = has === undefined ? needed.capabilities : missingCapabilities(needed, has);
  const words = missing.map((word) => (needed.createOrUpdate && word === 'update' ? 'create or update' : word));
  const where = needed.namespace === undefined ? needed.path : `${needed.path} in namespace ${needed.namespace}`;
  const held = has === undefined || has.length === 0 ? 'nothing that it may ask about' : has.join(', ');
  const by = policies.length === 0 ? '' : ` (policies ${policies.join(', ')})`;
  const limited = missing.length === 0;
  return refusal(call, reply, {
    code: 'vault-permission-denied',
    message: limited
      ? `store ${call.store} refuses ${call.method} ${where}: a limit on parameters or wrapping in a policy`
      : `store ${call.store} refuses ${call.method} ${where}: the token lacks ${words.join(' and ')}`,
    why: limited
      ? `the token has ${held} there${by}, so only what was sent can be the reason`
      : `it has there: ${held}${by}`,
    remedy:
      grantedBy === undefined
        ? `Add to one of its policies: path "${needed.path}" { capabilities = [${listed(missing, needed)}] }`
        : `The fleet's policy ${grantedBy} allows it: log in as who has it, or give it to this identity.`,
    exitCode: call.method === 'GET' || call.method === 'LIST' || call.method === 'SCAN' ? 3 : 1,
  });
}

function listed(missing: readonly string[], needed: NeededCapability): string {
  const wanted = missing.length === 0 ? needed.capabilities : missing;
  const words = wanted.flatMap((word) => (needed.createOrUpdate && word === 'update' ? ['create', 'update'] : [word]));
  return words.map((word) => `"${word}"`).join(', ');
}

/** Every other refusal, by what its text says. */
export function refused(call: CallName, reply: Reply, text: string): VaultRefusal {
  const known = knownRefusals.find(({ pattern }) => pattern.test(text));
  return refusal(call, reply, {
    code: known?.code ?? (reply.status === 404 ? 'vault-not-found' : 'vault-refused'),
    message: `store ${call.store} refuses ${call.method} ${call.path}: ${text.trim() || `status ${reply.status}`}`,
    ...(known?.why === undefined ? {} : { why: known.why }),
    ...(known?.remedy === undefined ? {} : { remedy: known.remedy }),
    exitCode: 1,
  });
}

const knownRefusals: readonly {
  readonly pattern: RegExp;
  readonly code: string;
  readonly why?: string;
  readonly remedy?: string;
}[] = [
  {
    pattern: /no handler for route|No secret engine mount at|cannot fetch sysview/,
    code: 'vault-no-mount',
    why: 'nothing is mounted there, or the path belongs to another namespace',
    remedy: 'Mount the engine, or correct mounts and namespace of the Store document.',
  },
  {
    pattern: /namespace not found/,
    code: 'vault-no-namespace',
    remedy: 'Correct namespace of the Store document.',
  },
  {
    pattern: /unsupported path|unsupported operation/,
    code: 'vault-not-supported',
    why: 'this version of the server has no such call, or it is switched off',
  },
  {
    pattern: /check-and-set parameter/,
    code: 'vault-conflict',
    why: 'somebody else wrote first',
    remedy: 'Run the command again: it starts from what is there now.',
  },
  {
    pattern: /lease not found|invalid lease|token not found|invalid accessor|lease expired/,
    code: 'vault-lease-gone',
    why: 'it ran out or was revoked',
    remedy: 'Issue a new one.',
  },
  { pattern: /path is already in use|already initialized|already exists/, code: 'vault-exists' },
  {
    pattern: /value being too large|request body too large|high complexity/,
    code: 'vault-too-large',
    why: 'the server takes values up to 1 MiB and bodies with up to 1,000 strings',
  },
  { pattern: /operation unavailable in namespaces/, code: 'vault-root-namespace-only' },
];

function refusal(call: CallName, reply: Reply, details: ConstructorParameters<typeof Failure>[0]): VaultRefusal {
  return new VaultRefusal({ object: `store/${call.store}`, ...details }, reply.status, reply.errors);
}

function failure(store: string, details: ConstructorParameters<typeof Failure>[0]): Failure {
  return new Failure({ object: `store/${store}`, ...details });
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
}
