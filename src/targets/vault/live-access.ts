import type { VaultClient } from '../../stores/vault/client.ts';
import { VaultRefusal } from '../../stores/vault/failures.ts';
import { inParallel } from '../../stores/vault/parallel.ts';
import { asObject, asText, strings } from '../../stores/vault/reply.ts';
import { mountedAt } from './mounted.ts';
import { readPolicies } from './policy-observe.ts';

/** Where the login methods of a kind keep who may log in. */
const collections: Readonly<Record<string, string>> = {
  approle: 'role',
  cert: 'certs',
  jwt: 'role',
  kubernetes: 'role',
  oidc: 'role',
  userpass: 'users',
};

interface LiveRole {
  readonly path: string;
  readonly policies: readonly string[];
}

/**
 * Roles of a server's login methods, its identities with policies of their own, and all policies. What the identity that
 * logs in by a role has besides, by itself or by its groups, counts as the role's.
 */
export interface LiveRoles {
  readonly product: 'openbao' | 'vault';
  readonly roles: readonly LiveRole[];
  readonly policies: ReadonlyMap<string, string>;
  /** What could not be looked at, each as a sentence. */
  readonly unasked: readonly string[];
}

/** Asks a server who can log in there and with which policies. What Keywright may not see is told, never left out. */
export async function readLiveAccess(client: VaultClient): Promise<LiveRoles> {
  const roles: LiveRole[] = [];
  const entities: Fields[] = [];
  const groups = new Map<string, readonly string[]>();
  const unasked: string[] = [];
  const folders: string[] = ['identity/entity/name', 'identity/group/name', 'auth/token/roles'];
  for (const [mount, { type }] of await mountedAt(client, 'sys/auth')) {
    const collection = collections[type];
    if (collection !== undefined) {
      folders.push(`auth/${mount}/${collection}`);
    } else if (type !== 'token' && type !== 'ns_token') {
      unasked.push(`auth/${mount} is of type ${type}, which is not looked into`);
    }
  }
  for (const folder of folders) {
    try {
      const names = await client.list(folder);
      await inParallel(names, 16, async (name) => {
        const data = (await client.readIfPresent(`${folder}/${name}`))?.data ?? {};
        const own = ['token_policies', 'policies', 'allowed_policies'].flatMap((field) => strings(data[field]));
        if (folder === 'identity/entity/name') {
          entities.push(data);
        } else if (folder === 'identity/group/name') {
          groups.set(asText(data['id']), own);
        }
        const isLogin = folder.startsWith('auth/');
        if (isLogin || own.length > 0) {
          roles.push({ path: `${folder}/${asText(data['name']) || name}`, policies: [...new Set(own)].toSorted() });
        }
      });
    } catch (error) {
      if (!(error instanceof VaultRefusal)) {
        throw error;
      }
      unasked.push(`${folder} could not be listed or read`);
    }
  }
  const names = await client.list('sys/policies/acl');
  const policies = new Map([...(await readPolicies(client, names))].map(([name, { text }]) => [name, text]));
  const whole = roles.map(({ path, policies: own }) => {
    const besides = entities.flatMap((entity) => (logsInBy(entity, path) ? policiesOf(entity, groups) : []));
    return { path, policies: [...new Set([...own, ...besides])].toSorted() };
  });
  const product = await productOf(client);
  return { product, roles: whole.toSorted((one, other) => (one.path < other.path ? -1 : 1)), policies, unasked };
}

/** HashiCorp Vault says of itself whether it is its Enterprise edition; OpenBao has none. */
async function productOf(client: VaultClient): Promise<LiveRoles['product']> {
  const query = { standbyok: 'true' };
  const { data } = await client.request({ method: 'GET', path: 'sys/health', namespace: '', query });
  return data['enterprise'] === undefined ? 'openbao' : 'vault';
}

type Fields = Readonly<Record<string, unknown>>;

/** An identity has an alias for each login that it is known by; which role that was stands in what the method noted. */
function logsInBy(entity: Fields, path: string): boolean {
  const aliases = Array.isArray(entity['aliases']) ? entity['aliases'] : [];
  return aliases.some((each) => {
    const alias = asObject(each) ?? {};
    const noted = asObject(alias['metadata']) ?? {};
    const names = [noted['role_name'], noted['cert_name'], noted['role'], alias['name']].map(asText);
    const mount = asText(alias['mount_path']);
    return mount !== '' && path.startsWith(mount) && names.some((name) => name !== '' && path.endsWith(`/${name}`));
  });
}

function policiesOf(entity: Fields, groups: ReadonlyMap<string, readonly string[]>): readonly string[] {
  return [...strings(entity['policies']), ...strings(entity['group_ids']).flatMap((id) => groups.get(id) ?? [])];
}
