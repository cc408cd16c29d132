import { Failure } from '../../model/failure.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { countEntries } from '../../stores/vault/kv-list.ts';
import type { Mounted } from './mounted.ts';

/** Lists below a mount whose lengths say what would be lost with it, and the word for one and for several of each. */
const lists: Readonly<Record<string, readonly (readonly [path: string, one: string, many: string])[]>> = {
  database: [
    ['config', 'connection', 'connections'],
    ['roles', 'role', 'roles'],
    ['static-roles', 'static role', 'static roles'],
  ],
  pki: [
    ['issuers', 'issuer', 'issuers'],
    ['keys', 'key', 'keys'],
    ['certs', 'certificate', 'certificates'],
  ],
  transit: [['keys', 'key', 'keys']],
  kv: [['', 'entry', 'entries']],
};

export function isKv2({ type, version }: Pick<Mounted, 'type' | 'version'>): boolean {
  return type === 'kv' && version === '2';
}

/** What a mount holds, in words: `2 issuers, 3 keys`; `nothing`. Asked only of mounts that leave a fleet. */
export async function contentOf(
  client: VaultClient,
  mounted: Mounted,
  mount: string,
  now: () => Date,
): Promise<string> {
  try {
    return await countedContent(client, mounted, mount, now);
  } catch (error) {
    if (error instanceof Failure) {
      return 'what Keywright may not list';
    }
    throw error;
  }
}

async function countedContent(client: VaultClient, mounted: Mounted, mount: string, now: () => Date): Promise<string> {
  const counted = isKv2(mounted)
    ? [text(await countEntries({ client, mount, now }), 'entry', 'entries')]
    : await Promise.all(
        (lists[mounted.type] ?? []).map(async ([path, one, many]) =>
          text((await client.list(`${mount}/${path}`)).length, one, many),
        ),
      );
  const some = counted.filter((each) => each !== '');
  return some.length === 0 ? 'nothing' : some.join(', ');
}

function text(count: number, one: string, many: string): string {
  return count === 0 ? '' : `${count} ${count === 1 ? one : many}`;
}
