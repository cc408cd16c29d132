/**
 * A fleet of entries, an authority and deliveries over the real engine and the real store. Run as a program it applies
 * once; killed by a test at any moment. Argument: folder.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { applyFleet } from '../../src/engine/fleet-apply.ts';
import type { FleetApplyResult } from '../../src/engine/fleet-apply.ts';
import { Run } from '../../src/engine/run.ts';
import type { TargetDefinition } from '../../src/model/compiled.ts';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { ResourceId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import { bundleKind } from '../../src/targets/authority/bundle.ts';
import { caKind } from '../../src/targets/authority/ca.ts';
import { certificateKind } from '../../src/targets/authority/certificate.ts';
import { crlKind } from '../../src/targets/authority/crl.ts';
import { authorityTarget } from '../../src/targets/authority/target.ts';
import { directoryKind } from '../../src/targets/file/directory.ts';
import { localSite } from '../../src/targets/process/local-site.ts';
import { secretKind } from '../../src/targets/store/secret.ts';
import type { SecretSpec } from '../../src/targets/store/secret.spec.ts';
import { storeTarget } from '../../src/targets/store/target.ts';
import { bundle, certificate, crl, intermediate, root } from './authority-bench.ts';
import { resource } from './kinds.ts';
import { directory } from './site-bench.ts';

const targets: readonly TargetDefinition[] = [
  {
    id: targetId('store', 'box'),
    kind: 'store',
    spec: { name: 'box', file: { folder: 'box', identityFile: '.keywright/key.txt' } },
    dependsOn: [],
  },
  {
    id: targetId('authority', 'local'),
    kind: 'authority',
    spec: { name: 'local', store: 'box', path: 'keywright/test/authorities/local' },
    dependsOn: [],
  },
  {
    id: targetId('site', 'site-a'),
    kind: 'site',
    spec: { name: 'site-a', directory: '.keywright/site-a' },
    dependsOn: [],
  },
];

function secret(path: string, keys: SecretSpec['keys']): Resource<SecretSpec> {
  return resource<SecretSpec>(resourceId(targetId('store', 'box'), 'secret', path), { store: 'box', path, keys });
}

function version(id: ResourceId): { readonly from: ResourceId; readonly output: string } {
  return { from: id, output: 'version' };
}

/** Six of each: a secret, a copy of it, a certificate, and a folder with all of them. */
export function deliveryFleet(): Resource[] {
  const certificates = [0, 1, 2, 3, 4, 5].map((index) => certificate(`c${index}`));
  const all: Resource[] = [root, intermediate, bundle, crl(certificates.map(({ id }) => id)), ...certificates];
  certificates.forEach(({ id, spec }, index) => {
    const login = secret(`logins/${index}`, { password: { generate: { password: 32 } } });
    const copy = secret(`databases/${index}`, {
      username: { value: `app_${index}` },
      password: { copy: { path: `logins/${index}`, key: 'password', version: version(login.id) } },
      uri: { template: 'postgresql://{username}:{password}@db/orders' },
    });
    const sources = {
      db: { store: 'box', path: copy.spec.path, version: version(copy.id) },
      tls: { store: 'box', path: spec.path, version: version(id) },
    };
    all.push(login, copy, directory(`d${index}`, { sources }));
  });
  return all;
}

/** Applies as a new process would. */
export async function applyDelivery(folder: string, resources = deliveryFleet()): Promise<FleetApplyResult> {
  const run = new Run({
    compiled: { fleet: 'test', home: 'box', targets, resources, claims: [] },
    registry: {
      targets: [storeTarget, authorityTarget, localSite],
      kinds: [secretKind, caKind, bundleKind, crlKind, certificateKind, directoryKind],
    },
    folder,
    environment: { now: () => new Date(), randomBytes: (length) => randomBytes(length) },
  });
  try {
    return await applyFleet(run, { command: 'apply', allowRemovals: 100, lockWaitMilliseconds: 60_000 });
  } finally {
    await run.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { result } = await applyDelivery(process.argv[2] ?? '');
  for (const { id, error } of result?.failed ?? []) {
    console.error(`${id}: ${error.message}`);
  }
  process.exitCode = (result?.failed.length ?? 0) === 0 ? 0 : 1;
}
