import { type ResourceId, resourceId, targetId } from '../model/ids.ts';
import type { OutputRef } from '../model/resource.ts';
import type { Endpoint } from '../proofs/proofs.spec.ts';

/** Where things lie and what they are called: ids of resources and paths of Keywright's own entries. */

export function output(from: ResourceId, name: string): OutputRef {
  return { from, output: name };
}

/** Folder of Keywright's own entries of a fleet, in any store. */
export function ownPath(fleet: string, ...names: readonly string[]): string {
  return ['keywright', fleet, ...names].join('/');
}

export const storeTargetId = (store: string) => targetId('store', store);
export const authorityTargetId = (authority: string) => targetId('authority', authority);
export const siteTargetId = (site: string) => targetId('site', site);
export const postgresTargetId = (postgres: string) => targetId('postgres', postgres);

export const secretId = (store: string, path: string): ResourceId => resourceId(storeTargetId(store), 'secret', path);
/** Of the engine that is mounted there. */
export const mountId = (store: string, path: string): ResourceId => resourceId(storeTargetId(store), 'mount', path);
export const pkiConfigId = (store: string, mount: string): ResourceId =>
  resourceId(storeTargetId(store), 'pki-config', mount);
export const pkiRoleId = (store: string, mount: string, role: string): ResourceId =>
  resourceId(storeTargetId(store), 'pki-role', mount, role);
export const encryptionKeyId = (store: string, mount: string, name: string): ResourceId =>
  resourceId(storeTargetId(store), 'encryption-key', mount, name);
export const policyId = (store: string, name: string): ResourceId => resourceId(storeTargetId(store), 'policy', name);
/** A way to log in, and who logs in there: `app-role` or `cert-role`, and what an AppRole is held by. */
export const authMountId = (store: string, mount: string): ResourceId =>
  resourceId(storeTargetId(store), 'auth-mount', mount);
export const inAuthMount = (store: string, kind: string, mount: string, name: string): ResourceId =>
  resourceId(storeTargetId(store), kind, mount, name);
export const caId = (authority: string, role: 'root' | 'intermediate'): ResourceId =>
  resourceId(authorityTargetId(authority), 'ca', role);
export const bundleId = (authority: string): ResourceId => resourceId(authorityTargetId(authority), 'bundle', 'trust');
export const crlId = (authority: string): ResourceId => resourceId(authorityTargetId(authority), 'crl', 'crl');
/** First what it is for (`server`, `access`, …), so that a server and an access of one name have two certificates. */
export const certificateId = (authority: string, ...names: readonly string[]): ResourceId =>
  resourceId(authorityTargetId(authority), 'certificate', ...names);
export const processId = (site: string, postgres: string): ResourceId =>
  resourceId(siteTargetId(site), 'process', postgres);
export const vaultServerId = (site: string, store: string): ResourceId =>
  resourceId(siteTargetId(site), 'vault-server', store);
export const directoryId = (site: string, consumer: string, secret: string): ResourceId =>
  resourceId(siteTargetId(site), 'directory', consumer, secret);

/** A resource on a PostgreSQL server. */
export const onServer = (postgres: string, kind: string, ...names: readonly string[]): ResourceId =>
  resourceId(postgresTargetId(postgres), kind, ...names);

export const authorityPath = (fleet: string, authority: string): string => ownPath(fleet, 'authorities', authority);

/** Entry of a trust bundle, as consumers and servers read it. */
export const bundlePath = (fleet: string, authority: string): string => `${authorityPath(fleet, authority)}/bundle`;

/** Entry of a certificate that the fleet needs for itself: of a server, an access, a replication. */
export const certificatePath = (fleet: string, ...names: readonly string[]): string =>
  ownPath(fleet, 'certificates', ...names);

/** How clients reach a server on a local site. */
export function endpointOf(site: string, postgres: string): Endpoint {
  const process = processId(site, postgres);
  return {
    postgres,
    host: output(process, 'host'),
    hostaddr: output(process, 'hostaddr'),
    port: output(process, 'port'),
    socketDirectory: output(process, 'socketDirectory'),
    dataDirectory: output(process, 'dataDirectory'),
  };
}
