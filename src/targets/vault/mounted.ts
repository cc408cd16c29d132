import type { InventoryRecord } from '../../engine/interfaces.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { asNumber, asObject, asText } from '../../stores/vault/reply.ts';

/** An engine or a login method as the server lists it. */
export interface Mounted {
  readonly type: string;
  readonly description: string;
  readonly accessor: string;
  /** `version` of KV; 1 where the server says nothing. */
  readonly version: string;
  /** Seconds; 0: the system's. */
  readonly defaultLease: number;
  readonly maxLease: number;
}

/** All engines (`sys/mounts`) or login methods (`sys/auth`), by path without its slash, in one request. */
export async function mountedAt(client: VaultClient, where: 'sys/mounts' | 'sys/auth'): Promise<Map<string, Mounted>> {
  const { data } = await client.request({ method: 'GET', path: where });
  const found = new Map<string, Mounted>();
  for (const [path, value] of Object.entries(data)) {
    const mount = asObject(value);
    if (path.endsWith('/') && mount !== undefined) {
      found.set(path.slice(0, -1), readMounted(mount));
    }
  }
  return found;
}

/** The server gives each mount an accessor of its own: the recorded one says that it is ours, whatever its description. */
export function isMountRecorded({ accessor }: Mounted, { outputs }: InventoryRecord): boolean {
  return accessor !== '' && outputs?.['accessor'] === accessor;
}

function readMounted(mount: Readonly<Record<string, unknown>>): Mounted {
  const config = asObject(mount['config']) ?? {};
  return {
    type: asText(mount['type']),
    description: asText(mount['description']),
    accessor: asText(mount['accessor']),
    version: asText(asObject(mount['options'])?.['version']) || '1',
    defaultLease: asNumber(config['default_lease_ttl']),
    maxLease: asNumber(config['max_lease_ttl']),
  };
}

/** A length of time as the API takes it. */
export function seconds(value: number | undefined): string {
  return `${value ?? 0}s`;
}
