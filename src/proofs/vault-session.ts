import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunContext } from '../engine/interfaces.ts';
import type { Measurement } from '../model/claim.ts';
import { Failure } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';
import { VaultClient } from '../stores/vault/client.ts';
import type { VaultCall } from '../stores/vault/call.ts';
import { certificateLogin } from '../stores/vault/login/certificate.ts';
import { logIn, type LoginMethod } from '../stores/vault/login/login.ts';
import type { Reply } from '../stores/vault/reply.ts';
import { broken, known, type Measurer, type ProofTools } from './measurer.ts';
import type { StoreIdentitySpec, StoreLogin } from './vault.spec.ts';

/** Logged in at a store as a consumer, with nothing but the files of its delivered folder. */
export interface StoreSession {
  readonly client: VaultClient;
  /** Where the login came from, for what is seen. */
  readonly source: string;
}

interface Shared {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly session: Promise<StoreSession>;
  /** Claims that use it now. */
  users: number;
}

/**
 * Logins of a run, by delivered folder. Shared, because a server locks a role out after a few failed logins, and the
 * claims about one consumer would be as many.
 */
const logins = new WeakMap<RunContext, Map<string, Shared>>();

/** How long a login that failed is not tried again, milliseconds. */
const moment = 5000;

/**
 * Logs in as a program of the consumer would. When no claim needs the token any more it is revoked, and with it every
 * lease that it got.
 *
 * @throws Failure `cannot-log-in` when a file is not there or the server refuses the login
 */
export async function logInAs(login: StoreLogin, tools: ProofTools): Promise<StoreSession> {
  const folder = known(login.directory);
  const ofRun = logins.get(tools.run) ?? new Map<string, Shared>();
  logins.set(tools.run, ofRun);
  const now = tools.run.environment.now().getTime();
  const before = ofRun.get(folder);
  const isUsable = before !== undefined && (before.users > 0 || now - before.at < moment);
  const shared: Shared = isUsable ? before : { at: now, session: openSession(login, folder, tools.run), users: 0 };
  ofRun.set(folder, shared);
  shared.users += 1;
  tools.after(async () => {
    shared.users -= 1;
    const session = await shared.session.catch(() => undefined);
    if (shared.users === 0 && session !== undefined) {
      if (ofRun.get(folder) === shared) {
        ofRun.delete(folder);
      }
      await end(session);
    }
  });
  return shared.session;
}

async function end({ client }: StoreSession): Promise<void> {
  try {
    await client.request({ method: 'POST', path: 'auth/token/revoke-self', body: {}, accept: [403] });
  } finally {
    client.close();
  }
}

async function openSession(login: StoreLogin, folder: string, run: RunContext): Promise<StoreSession> {
  const files = await readLogin(login, folder);
  const client = new VaultClient({
    store: login.store,
    addresses: (files.get('addresses') ?? '').split(' '),
    ca: files.get('ca.crt'),
    namespace: files.get('namespace'),
    login: methodOf(login, files),
    environment: run.environment,
    signal: run.signal,
    patience: 5000,
    // Whether that may be is judged where the fleet says so, and the file comes from there.
    allowPlainHttp: true,
  });
  try {
    await client.request({ method: 'GET', path: 'auth/token/lookup-self', accept: [403] });
    return { client, source: `files of ${folder}` };
  } catch (error) {
    client.close();
    throw error instanceof Failure && error.code === 'vault-login-failed' ? cannot(login, error.message) : error;
  }
}

/** A measurer that begins by logging in: who cannot log in can be asked nothing, which is the matter of `store-login`. */
export function asConsumer(
  measure: (spec: StoreIdentitySpec, session: StoreSession, tools: ProofTools) => Promise<Measurement>,
): Measurer<StoreIdentitySpec> {
  return async (spec, tools) => measure(spec, await logInAs(spec, tools), tools);
}

function methodOf({ store, method }: StoreLogin, files: ReadonlyMap<string, string>): LoginMethod {
  const mount = files.get('mount') ?? '';
  if (method === 'cert') {
    const pair = { certificatePem: files.get('tls.crt') ?? '', privateKey: new Secret(files.get('tls.key') ?? '') };
    return certificateLogin({ store, mount, role: files.get('role'), load: async () => pair });
  }
  const name = `AppRole (auth/${mount})`;
  const body = { role_id: files.get('role-id'), secret_id: new Secret(files.get('secret-id') ?? '') };
  return {
    name,
    login: (ask) =>
      logIn(
        ask,
        { method: 'POST', path: `auth/${mount}/login`, body, repeat: 'never' },
        {
          store,
          name,
          remedy: 'keywright apply',
        },
      ),
  };
}

async function readLogin(login: StoreLogin, folder: string): Promise<ReadonlyMap<string, string>> {
  const needed = [
    'addresses',
    'mount',
    ...(login.method === 'cert' ? ['tls.crt', 'tls.key'] : ['role-id', 'secret-id']),
  ];
  const files = new Map<string, string>();
  for (const name of [...needed, 'role', 'namespace', 'ca.crt']) {
    try {
      files.set(name, await readFile(join(folder, name), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        throw error;
      }
      if (needed.includes(name)) {
        throw cannot(login, `${join(folder, name)} is not there`);
      }
    }
  }
  return files;
}

function cannot({ consumer, store }: StoreLogin, why: string): Failure {
  return new Failure({
    code: 'cannot-log-in',
    message: `${consumer} cannot log in to ${store}: ${why}`,
    object: `Consumer/${consumer}`,
    remedy: 'keywright apply',
    exitCode: 3,
  });
}

/** Makes a broken claim of a login that fails, where the login is what is claimed. */
export function brokenLogin(error: unknown): Measurement {
  if (error instanceof Failure && error.code === 'cannot-log-in') {
    return broken(error.message, 'keywright apply');
  }
  throw error;
}

export type Asked =
  | { readonly is: 'answered'; readonly data: Readonly<Record<string, unknown>> }
  /** A check-and-set that can never hold stopped it: a policy let it through. */
  | { readonly is: 'notMatched' }
  | { readonly is: 'absent' }
  | { readonly is: 'refused' };

/**
 * One request as the consumer, and what became of it. A refusal is the policy's; a token that is not good any more is a
 * Failure, since then nothing was asked.
 */
export async function ask({ client }: StoreSession, call: VaultCall): Promise<Asked> {
  const reply = await client.request({ ...call, accept: [400, 403, 404] });
  switch (reply.status) {
    case 403:
      requirePolicyRefusal(call, reply);
      return { is: 'refused' };
    case 404:
      requireAbsence(call, reply);
      return { is: 'absent' };
    case 400:
      if (/check-and-set/.test(reply.errors.join())) {
        return { is: 'notMatched' };
      }
      throw refused(call, reply);
    default:
      return {
        is: 'answered',
        data: reply.wrap === undefined ? reply.data : await unwrapped(client, reply.wrap.token),
      };
  }
}

/** Takes the answer out of its wrapping, so that no wrapped answer is left at the server. */
async function unwrapped(client: VaultClient, token: string): Promise<Readonly<Record<string, unknown>>> {
  const reply = await client.request({
    method: 'POST',
    path: 'sys/wrapping/unwrap',
    token: new Secret(token),
    repeat: 'never',
  });
  return reply.data;
}

function requirePolicyRefusal(call: VaultCall, reply: Reply): void {
  // A policy's refusal comes as a list of one error, that of a token that is no good as a plain text.
  if (reply.errors[0]?.includes('1 error occurred') !== true) {
    throw refused(call, reply);
  }
}

function requireAbsence(call: VaultCall, reply: Reply): void {
  if (reply.errors.length > 0) {
    throw refused(call, reply);
  }
}

function refused({ method, path }: VaultCall, reply: Reply): Failure {
  return new Failure({
    code: 'could-not-ask',
    message: `${method} ${path} answered ${reply.status}: ${reply.errors.join('; ').trim()}`,
    exitCode: 3,
  });
}
