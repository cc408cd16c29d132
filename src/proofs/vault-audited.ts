import { VaultRefusal } from '../stores/vault/failures.ts';
import { asObject, asText } from '../stores/vault/reply.ts';
import { broken, held, type Measurer, unknown } from './measurer.ts';
import { keywrightsClient } from './vault-login.ts';
import type { StoreAuditedSpec } from './vault.spec.ts';

/**
 * An audit device is there. That it records needs no further question: a server whose devices all fail to record refuses
 * every request, this one too.
 */
export const storeAuditedMeasurer: Measurer<StoreAuditedSpec> = async ({ store }, tools) => {
  const client = await keywrightsClient(store, tools);
  if (client === undefined) {
    return unknown(`${store} is no Vault`);
  }
  try {
    const { data } = await client.request({ method: 'GET', path: 'sys/audit' });
    const devices = Object.entries(data).flatMap(([path, value]) =>
      path.endsWith('/') ? [`${path.slice(0, -1)} (${asText(asObject(value)?.['type'])})`] : [],
    );
    return devices.length === 0
      ? broken(
          `${store} has no audit device: nobody can tell who read what`,
          'bao audit enable file file_path=…, or in the server’s configuration',
        )
      : held(
          `audit ${devices.length === 1 ? 'device' : 'devices'} ${devices.join(', ')}, and it answered, so one records`,
        );
  } catch (error) {
    if (error instanceof VaultRefusal && error.status === 403) {
      return unknown(`Keywright may not look: path "sys/audit" { capabilities = ["read", "sudo"] }`);
    }
    throw error;
  }
};
