import type { FleetDocument } from '../fleet/model.ts';
import type { ResourceId } from '../model/ids.ts';
import type { MountSpec } from '../targets/vault/mount.spec.ts';
import type { Builder } from './builder.ts';
import { mountId } from './places.ts';

type Store = FleetDocument<'Store'>;

export interface EngineMount {
  readonly path: string;
  /** What uses the engine waits for it. */
  readonly id: ResourceId;
}

/**
 * An engine of a Vault, where the Store document wants it. Mounted for the first document that needs it, so a Vault has
 * no engine that nothing uses.
 */
export function engineMount(
  builder: Builder,
  store: Store,
  engine: 'database' | 'pki' | 'transit',
  leases: Pick<MountSpec, 'maxLeaseSeconds'> = {},
): EngineMount {
  const path = store.spec.vault?.mounts[engine];
  if (path === undefined) {
    throw new RangeError(`${store.document} is no Vault`);
  }
  const spec: MountSpec = { path, type: engine, ...leases };
  return { path, id: builder.resource(store, mountId(store.name, path), spec) };
}
