import type { VaultClient } from '../../stores/vault/client.ts';
import { VaultRefusal } from '../../stores/vault/failures.ts';
import { inParallel } from '../../stores/vault/parallel.ts';
import { asNumber, asObject, asText } from '../../stores/vault/reply.ts';

export interface PolicyText {
  readonly text: string;
  /** How often it was written, where the server counts: a change by hand moves it. */
  readonly version?: number;
  /** When it was last written, ISO 8601. */
  readonly modified?: string;
}

/** Policies by name: all in one request where the server has such a list, else one by one. Absent ones are not in it. */
export async function readPolicies(
  client: VaultClient,
  names: readonly string[],
): Promise<ReadonlyMap<string, PolicyText>> {
  return (await readAll(client)) ?? (await readEach(client, names));
}

async function readAll(client: VaultClient): Promise<Map<string, PolicyText> | undefined> {
  try {
    const reply = await client.request({ method: 'LIST', path: 'sys/policies/detailed/acl' });
    const found = Object.entries(asObject(reply.data['key_info']) ?? {});
    return new Map(found.map(([name, value]) => [name, policyOf(asObject(value) ?? {})]));
  } catch (error) {
    if (error instanceof VaultRefusal && [403, 404, 405].includes(error.status)) {
      return undefined;
    }
    throw error;
  }
}

/** So few policies are asked for one by one. */
const fewPolicies = 8;

/** Names of all policies, in lower case as servers keep them; undefined where the token may not list them. */
async function readNames(client: VaultClient): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set((await client.list('sys/policies/acl')).map((name) => name.toLowerCase()));
  } catch (error) {
    if (error instanceof VaultRefusal && error.status === 403) {
      return undefined;
    }
    throw error;
  }
}

async function readEach(client: VaultClient, names: readonly string[]): Promise<Map<string, PolicyText>> {
  const found = new Map<string, PolicyText>();
  const listed = names.length < fewPolicies ? undefined : await readNames(client);
  const there = listed === undefined ? names : names.filter((name) => listed.has(name.toLowerCase()));
  await inParallel(there, 16, async (name) => {
    const policy = await readPolicy(client, name);
    if (policy !== undefined) {
      found.set(name, policy);
    }
  });
  return found;
}

export async function readPolicy(client: VaultClient, name: string): Promise<PolicyText | undefined> {
  const reply = await client.readIfPresent(`sys/policies/acl/${name}`);
  return reply && policyOf(reply.data);
}

function policyOf(data: Readonly<Record<string, unknown>>): PolicyText {
  const version = asNumber(data['version']);
  const modified = asText(data['modified']);
  return {
    text: asText(data['policy']),
    ...(version === 0 ? {} : { version }),
    ...(modified === '' ? {} : { modified }),
  };
}
