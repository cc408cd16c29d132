import type { VaultClient } from '../../stores/vault/client.ts';
import { asText, strings } from '../../stores/vault/reply.ts';
import { mountedAt } from './mounted.ts';

/**
 * Ends every token that a login has given out: a server refuses a token whose entity is gone. Taking a role away alone
 * leaves its tokens alive until they expire. An entity that somebody gave other logins or policies stays, and with it the
 * tokens until they expire.
 *
 * @param aliases - under which the login method knows who logs in: an AppRole's role id, a certificate's common name
 */
export async function endTokens(client: VaultClient, mount: string, aliases: readonly string[]): Promise<void> {
  const accessor = (await mountedAt(client, 'sys/auth')).get(mount)?.accessor;
  for (const alias of accessor === undefined ? [] : aliases) {
    const { data } = await client.request({
      method: 'POST',
      path: 'identity/lookup/entity',
      body: { alias_name: alias, alias_mount_accessor: accessor },
      repeat: 'safe',
    });
    const id = asText(data['id']);
    const isOurs =
      Array.isArray(data['aliases']) && data['aliases'].length === 1 && strings(data['policies']).length === 0;
    if (id !== '' && isOurs) {
      await client.request({ method: 'DELETE', path: `identity/entity/id/${id}`, repeat: 'safe' });
    }
  }
}
