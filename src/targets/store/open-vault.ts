import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RunContext } from '../../engine/interfaces.ts';
import { type Answer, couldNotAsk, notYet, present } from '../../model/answer.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { Secret } from '../../model/secret.ts';
import type { SecretBackend } from '../../stores/backend.ts';
import { VaultStore } from '../../stores/vault/backend.ts';
import { VaultClient } from '../../stores/vault/client.ts';
import { appRoleLogin } from '../../stores/vault/login/app-role.ts';
import { certificateLogin } from '../../stores/vault/login/certificate.ts';
import type { LoginMethod } from '../../stores/vault/login/login.ts';
import { tokenFileLogin } from '../../stores/vault/login/token-file.ts';
import { homeAuthority, identityCertificate } from '../vault/server/home-authority.ts';
import { identityLogin } from '../vault/server/keywright-identity.ts';
import { PeerApi } from '../vault/server/peer-api.ts';
import { peerHealth } from '../vault/server/peer-health.ts';
import type { VaultTargetSpec } from './store.spec.ts';

/**
 * Opens the key-value engine of a Vault or OpenBao. One that does not answer, or refuses the login, could not be asked;
 * an engine that is not there, or of another version, is a Failure that says how to make it. A cluster of the fleet
 * itself that is still to be made, started or unsealed is notYet.
 */
export async function openVaultStore(
  name: string,
  spec: VaultTargetSpec,
  context: RunContext,
): Promise<Answer<SecretBackend>> {
  const own = 'server' in spec.addresses ? ownAddresses(spec.addresses.server, context) : undefined;
  if (own?.length === 0) {
    return notYet(`store ${name} is still to be made`, false);
  }
  const addresses = own ?? (spec.addresses as readonly string[]);
  const ca = await trustOf(spec.ca, context);
  const asleep = own === undefined ? undefined : await whyAsleep(name, own, ca ?? '', context);
  if (asleep !== undefined) {
    return notYet(asleep, true);
  }
  const client = new VaultClient({
    store: name,
    addresses,
    ca,
    namespace: spec.namespace,
    login: loginOf(name, spec.login, context),
    environment: context.environment,
    signal: context.signal,
    allowPlainHttp: spec.allowPlainHttp,
    grantedBy: ({ path, capabilities }) => context.grantedBy?.(name, path, capabilities),
  });
  try {
    const store = await VaultStore.open({ client, mount: spec.mount, now: () => context.environment.now() });
    // Asked now, so that a server that is away or sealed is told once, before anything is planned on it.
    await store.identity();
    return present(store);
  } catch (error) {
    client.close();
    if (error instanceof Failure && error.exitCode === 3) {
      return couldNotAsk(error.message, error);
    }
    throw error;
  }
}

function ownAddresses(server: ResourceId, context: RunContext): string[] {
  return String(context.output(server, 'addresses') ?? '')
    .split(' ')
    .filter((address) => address !== '');
}

/** Why nobody in a cluster of the fleet can answer until an apply has started or unsealed it; undefined: somebody can. */
async function whyAsleep(
  name: string,
  addresses: readonly string[],
  ca: string,
  context: RunContext,
): Promise<string | undefined> {
  const states = await Promise.all(
    addresses.map(async (address) => {
      const api = new PeerApi({ nodeId: address, address }, { ca, signal: context.signal });
      try {
        return (await peerHealth(api)).state;
      } finally {
        api.close();
      }
    }),
  );
  const asleep = states.filter((state) => ['unreachable', 'sealed', 'uninitialised'].includes(state));
  if (asleep.length < states.length) {
    return undefined;
  }
  return asleep.every((state) => state === 'unreachable') ? `store ${name} is stopped` : `store ${name} is sealed`;
}

async function trustOf(ca: VaultTargetSpec['ca'], context: RunContext): Promise<string | undefined> {
  if (ca === undefined) {
    return undefined;
  }
  if ('pem' in ca) {
    return ca.pem;
  }
  if ('file' in ca) {
    return readText(resolve(context.folder, ca.file), 'who signed its certificate');
  }
  const { store, path } = ca.entry;
  const answer = await (await context.store(store)).read(path);
  const pem = answer.state === 'present' ? answer.seen.data.get('ca.crt') : undefined;
  if (pem === undefined) {
    throw new Failure({
      code: 'trust-missing',
      message: `${store}/${path} holds no trust bundle yet`,
      object: `store/${store}`,
      why: 'without it the certificate of the server cannot be verified',
      remedy: 'keywright apply, when the server is there already with a certificate of that authority',
      exitCode: 3,
    });
  }
  return pem.expose();
}

function loginOf(store: string, login: VaultTargetSpec['login'], context: RunContext): LoginMethod {
  const path = (file: string): string => resolve(context.folder, file);
  if ('tokenFile' in login) {
    return tokenFileLogin({ store, file: path(login.tokenFile) });
  }
  if ('appRole' in login) {
    const { mount, roleIdFile, secretIdFile } = login.appRole;
    return appRoleLogin({ store, mount, roleIdFile: path(roleIdFile), secretIdFile: path(secretIdFile) });
  }
  if ('own' in login) {
    const options = { fleet: context.fleet, store, environment: context.environment };
    return identityLogin(store, async () =>
      identityCertificate(await homeAuthority(await context.store(login.own.home), options), options),
    );
  }
  const { mount, certFile, keyFile } = login.cert;
  return certificateLogin({
    store,
    mount,
    load: async () => ({
      certificatePem: await readText(path(certFile), 'its client certificate'),
      privateKey: new Secret(await readText(path(keyFile), 'its key')),
    }),
  });
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure({
      code: 'file-unreadable',
      message: `${what} cannot be read: ${causeOf(error)}`,
      object: file,
      file,
      cause: error,
    });
  }
}
