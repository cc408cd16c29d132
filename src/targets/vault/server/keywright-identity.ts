import { Failure } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';
import { VaultClient } from '../../../stores/vault/client.ts';
import type { VaultClientOptions } from '../../../stores/vault/client.ts';
import { VaultRefusal } from '../../../stores/vault/failures.ts';
import { certificateLogin } from '../../../stores/vault/login/certificate.ts';
import type { LoginMethod } from '../../../stores/vault/login/login.ts';
import { tokenLogin } from '../../../stores/vault/login/token-file.ts';
import { asText } from '../../../stores/vault/reply.ts';
import type { ClientCertificate } from '../../../stores/vault/transport.ts';
import { identityName } from './home-authority.ts';
import {
  breakGlassMount,
  breakGlassPolicy,
  identityMount,
  identityPolicy,
  renderBreakGlassPolicy,
  renderIdentityPolicy,
} from './identity-policy.ts';
import type { EngineMounts } from './identity-policy.ts';

export interface IdentityOptions {
  readonly fleet: string;
  /** How to reach the cluster; its `login` is not used. */
  readonly client: Omit<VaultClientOptions, 'login'>;
  readonly rootToken: Secret;
  /** PEM of the small authority that signs Keywright's client certificates. */
  readonly authorityPem: string;
  /** Reads, or makes, such a certificate. */
  readonly certificate: () => Promise<ClientCertificate>;
  readonly mounts: EngineMounts;
  /** Keeps the way back in, before the root token dies. */
  keepBreakGlass(credential: BreakGlassCredential): Promise<void>;
}

/** Logs in to make a root token together with the holders' shares. */
export interface BreakGlassCredential {
  readonly roleId: string;
  readonly secretId: Secret;
}

/** A client that logs in as Keywright itself, by certificate. */
export function identityClient(
  options: Omit<VaultClientOptions, 'login'>,
  certificate: () => Promise<ClientCertificate>,
): VaultClient {
  return new VaultClient({ ...options, login: identityLogin(options.store, certificate) });
}

/** How Keywright logs in to a store that the fleet runs. */
export function identityLogin(store: string, certificate: () => Promise<ClientCertificate>): LoginMethod {
  return certificateLogin({
    store,
    mount: identityMount,
    role: identityMount,
    remedy: `keywright store restore-identity ${store} --identity FILE[,FILE], with the identities of its key holders`,
    load: certificate,
  });
}

/**
 * Gives Keywright an identity of its own and ends the root token: policy, login by client certificate, the way back in;
 * then the new identity is proven to work, the root token revoked and proven dead. Every step may be repeated.
 */
export async function createKeywrightIdentity(options: IdentityOptions): Promise<void> {
  const root = new VaultClient({ ...options.client, login: tokenLogin(options.rootToken, 'the root token') });
  const own = identityClient(options.client, options.certificate);
  try {
    if (!(await isAlive(root))) {
      // Ended by an earlier run that could not note it any more.
      await proveIdentity(own, options.client.store);
      return;
    }
    await writeIdentity(root, options);
    await options.keepBreakGlass(await makeBreakGlass(root));
    await proveIdentity(own, options.client.store);
    await endToken(root, own, options);
  } finally {
    root.close();
    await own.end();
  }
}

async function writeIdentity(root: VaultClient, { fleet, authorityPem, mounts }: IdentityOptions): Promise<void> {
  await writePolicy(root, identityPolicy, renderIdentityPolicy(mounts));
  await enableAuth(root, identityMount, 'cert', "Keywright's own login");
  await root.request({
    method: 'POST',
    path: `auth/${identityMount}/certs/${identityMount}`,
    body: {
      certificate: authorityPem,
      allowed_common_names: [identityName(fleet)],
      token_policies: [identityPolicy],
      token_ttl: '1h',
      token_max_ttl: '24h',
      token_type: 'service',
    },
    repeat: 'safe',
  });
}

async function makeBreakGlass(root: VaultClient): Promise<BreakGlassCredential> {
  const path = `auth/${breakGlassMount}/role/root`;
  await writePolicy(root, breakGlassPolicy, renderBreakGlassPolicy());
  await enableAuth(root, breakGlassMount, 'approle', 'The way back in: makes a root token with the key holders');
  await root.request({
    method: 'POST',
    path,
    body: { token_policies: [breakGlassPolicy], token_no_default_policy: true, token_ttl: '15m', token_max_ttl: '15m' },
    repeat: 'safe',
  });
  const role = await root.request({ method: 'GET', path: `${path}/role-id` });
  // An earlier run may have made one that it could not keep any more.
  for (const accessor of await root.list(`${path}/secret-id`)) {
    const body = { secret_id_accessor: accessor };
    await root.request({ method: 'POST', path: `${path}/secret-id-accessor/destroy`, body, repeat: 'safe' });
  }
  const made = await root.request({ method: 'POST', path: `${path}/secret-id`, body: {}, repeat: 'safe' });
  return { roleId: asText(role.data['role_id']), secretId: new Secret(asText(made.data['secret_id'])) };
}

async function isAlive(root: VaultClient): Promise<boolean> {
  try {
    await root.request({ method: 'GET', path: 'auth/token/lookup-self' });
    return true;
  } catch (error) {
    if (isRefusedToken(error)) {
      return false;
    }
    throw error;
  }
}

function isRefusedToken(error: unknown): boolean {
  return error instanceof Failure && (error.code === 'vault-token-refused' || isForbidden(error));
}

function isForbidden(error: Failure): boolean {
  return error instanceof VaultRefusal && error.status === 403;
}

/** It logs in, has its policy, and may not do what it must not. */
async function proveIdentity(own: VaultClient, store: string): Promise<void> {
  const probes = { 'sys/policies/acl/keywright-proof': 'update', 'sys/mounts': 'read' };
  const refused = ['sys/seal', 'sys/generate-root-token/attempt', `sys/policies/acl/${identityPolicy}`];
  const found = await own.capabilities([...Object.keys(probes), ...refused]);
  const missing = Object.entries(probes).filter(([path, word]) => found.get(path)?.includes(word) !== true);
  const excess = refused.filter((path) => found.get(path)?.join() !== 'deny');
  if (missing.length > 0 || excess.length > 0) {
    throw new Failure({
      code: 'vault-identity-unproven',
      message: `Keywright's identity in store ${store} is not what it should be: ${
        missing.length > 0
          ? `no ${missing.map(([path, word]) => `${word} on ${path}`).join(', ')}`
          : `rights on ${excess.join(', ')}`
      }`,
      object: `store/${store}`,
      why: 'the root token was left alive, because nothing else may work',
      remedy: 'Run keywright apply again.',
    });
  }
}

async function endToken(root: VaultClient, own: VaultClient, options: IdentityOptions): Promise<void> {
  const { rootToken, client } = options;
  try {
    await root.request({ method: 'POST', path: 'auth/token/revoke-self', repeat: 'safe', body: {} });
  } catch (error) {
    // Repeated after a lost answer, it is refused because the first try did its work.
    if (!isRefusedToken(error)) {
      throw error;
    }
  }
  // By another client and as the token itself: what the server says of it is the proof, not the 204 above.
  try {
    await own.request({ method: 'GET', path: 'auth/token/lookup-self', token: rootToken });
  } catch (error) {
    if (isRefusedToken(error)) {
      return;
    }
    throw error;
  }
  throw new Failure({
    code: 'vault-root-alive',
    message: `the root token of store ${client.store} still works after it was revoked`,
    object: `store/${client.store}`,
    remedy: 'Revoke it by hand: bao token revoke -self, with that token.',
  });
}

async function writePolicy(root: VaultClient, name: string, policy: string): Promise<void> {
  await root.request({ method: 'PUT', path: `sys/policies/acl/${name}`, body: { policy }, repeat: 'safe' });
}

async function enableAuth(root: VaultClient, mount: string, type: string, description: string): Promise<void> {
  try {
    await root.request({ method: 'POST', path: `sys/auth/${mount}`, body: { type, description }, repeat: 'safe' });
  } catch (error) {
    if (!(error instanceof VaultRefusal && error.code === 'vault-exists')) {
      throw error;
    }
    const found = await root.request({ method: 'GET', path: 'sys/auth' });
    const there = (found.data as Record<string, { type?: string } | undefined>)[`${mount}/`]?.type;
    if (there !== type) {
      throw error;
    }
  }
}
