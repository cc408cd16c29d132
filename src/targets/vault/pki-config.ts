import type { Applied, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, couldNotAsk, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { applyEach } from './apply-each.ts';
import { mountedAt } from './mounted.ts';
import type { PkiConfigSpec } from './pki-config.spec.ts';
import { fieldChanges } from './role-fields.ts';
import type { RoleFields } from './role-fields.ts';

/** Settings as the server tells them, by the end of their path. */
export interface SeenPkiConfig {
  readonly crl: Readonly<Record<string, unknown>>;
  readonly tidy: Readonly<Record<string, unknown>>;
}

/** `store/<Store>/pki-config/<mount>`: see `pki-config.spec.ts`. */
export const pkiConfigKind: ResourceKind<VaultStore, PkiConfigSpec, SeenPkiConfig> = {
  kind: 'pki-config',
  targetKind: 'store',
  onRemoval: 'retain',
  ownership: 'file',

  async observe({ client }, wanted, recorded) {
    const mounts = await mountedAt(client, 'sys/mounts');
    const ids = [...new Set([...wanted, ...recorded].map(({ id }) => id))];
    const answers = await Promise.all(
      ids.map(async (id) => [id, mounts.has(mountOf(id)) ? await look(client, mountOf(id)) : absent] as const),
    );
    return new Map(answers);
  },

  diff(wanted, seen, recorded) {
    if (wanted === undefined) {
      const { id } = recorded as InventoryRecord;
      return { id, action: 'retain', fields: [], reason: 'left the fleet; stays as its mount is' };
    }
    const { id, spec } = wanted;
    const fields = [...fieldChanges(listFields(spec), seen?.crl ?? {}), ...fieldChanges(tidyFields, seen?.tidy ?? {})];
    return { id, action: seen === undefined ? 'create' : fields.length === 0 ? 'none' : 'update', fields };
  },

  apply: ({ client }, changes, io) => applyEach(changes, io, (change) => applyConfig(client, change)),
};

function listFields({ listSeconds }: PkiConfigSpec): RoleFields {
  return {
    // The server refuses less than the grace period.
    expiry: `${Math.max(72, Math.ceil(listSeconds / 3600))}h`,
    disable: false,
    // Rebuilt by the clock, a list would not name what was revoked since.
    auto_rebuild: false,
    auto_rebuild_grace_period: '12h',
    enable_delta: false,
    ocsp_disable: false,
  };
}

const tidyFields: RoleFields = {
  enabled: true,
  interval_duration: 43_200,
  tidy_cert_store: true,
  tidy_revoked_certs: true,
  // After the end of a certificate, so that clocks that disagree find it in the list as long as they take it for valid.
  safety_buffer: 259_200,
  tidy_expired_issuers: false,
};

async function look(client: VaultClient, mount: string): Promise<Answer<SeenPkiConfig>> {
  try {
    const [crl, tidy] = await Promise.all(
      ['config/crl', 'config/auto-tidy'].map((path) => client.request({ method: 'GET', path: `${mount}/${path}` })),
    );
    return present({ crl: crl?.data ?? {}, tidy: tidy?.data ?? {} });
  } catch (error) {
    if (error instanceof Failure) {
      return couldNotAsk(error.message);
    }
    throw error;
  }
}

async function applyConfig(
  client: VaultClient,
  { change, resource }: ReadyChange<PkiConfigSpec, SeenPkiConfig>,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  if (resource === undefined) {
    return {};
  }
  const mount = mountOf(change.id);
  const body = listFields(resource.spec);
  await client.request({ method: 'POST', path: `${mount}/config/crl`, body, repeat: 'safe' });
  await client.request({ method: 'POST', path: `${mount}/config/auto-tidy`, body: tidyFields, repeat: 'safe' });
  // Lists that are there already last as long as they did until they are made anew.
  await client.request({ method: 'GET', path: `${mount}/crl/rotate` });
  return {};
}

function mountOf(id: ResourceId): string {
  return parseResourceId(id).names.join('/');
}
