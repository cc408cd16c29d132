import { formatDuration } from '../model/duration.ts';
import { Failure } from '../model/failure.ts';
import { isAllowed } from './evaluate.ts';
import type { RulePlace } from './evaluate.ts';
import { parsePolicy } from './policy-parse.ts';
import type { Policy } from './policy.ts';
import { canonicalRules } from './render.ts';
import { RuleIndex } from './rule-index.ts';
import type { Product } from './rule-index.ts';
import type { VaultLogin } from './vault-logins.ts';

/** What a server says about who can log in there, and with which policies. */
export interface LiveAccess {
  readonly product: Product;
  readonly roles: readonly LiveRole[];
  /** Texts by name. */
  readonly policies: ReadonlyMap<string, string>;
  /** What could not be looked at, each as a sentence. */
  readonly unasked: readonly string[];
}

export interface LiveRole {
  /** `auth/<mount>/role/<name>`, `identity/entity/<name>` … */
  readonly path: string;
  readonly policies: readonly string[];
}

type Right = 'read' | 'write' | 'delete' | 'list';

/** One way on which somebody reaches a path at a server. */
export interface LiveGrant {
  /** Absent: nothing that could be seen has the policy, but a token or a person may. */
  readonly role?: string;
  readonly rights: readonly Right[];
  readonly places: readonly RulePlace[];
}

/** Where a server lets a login of the fleet do something else than the fleet says. */
export interface LiveDifference {
  /** `auth/<mount>, role <name>`. */
  readonly role: string;
  /** Of the API, or a pattern of a policy. */
  readonly path: string;
  readonly fleet: readonly string[];
  readonly server: readonly string[];
}

/** The policies of a server, read. Those that cannot be read are named, for they may grant anything. */
export class LivePolicies {
  readonly #live: LiveAccess;
  readonly #policies = new Map<string, Policy>();
  readonly unreadable: string[] = [];

  constructor(live: LiveAccess) {
    this.#live = live;
    for (const [name, text] of live.policies) {
      try {
        this.#policies.set(name, parsePolicy(name, name === 'root' ? '' : text));
      } catch (error) {
        if (!(error instanceof Failure)) {
          throw error;
        }
        this.unreadable.push(error.message);
      }
    }
  }

  /** Who reaches one of these paths of the API, by the roles and policies that the server has. */
  who(paths: readonly string[]): LiveGrant[] {
    const held = new Set(['root', 'default', ...this.#live.roles.flatMap(({ policies }) => policies)]);
    const byRole = this.#live.roles.map((role) => ({ role: role.path, set: this.#of(role) }));
    const alone = [...this.#policies.values()].filter(({ name }) => !held.has(name));
    return [...byRole, ...alone.map((policy) => ({ role: undefined, set: [policy] }))].flatMap(({ role, set }) => {
      const { rights, places } = rightsOn(set, paths, this.#live.product);
      return rights.length === 0 ? [] : [{ ...(role === undefined ? {} : { role }), rights, places }];
    });
  }

  /** Where the server differs from the fleet on paths of the API, for logins of the fleet. */
  differencesOn(logins: readonly VaultLogin[], paths: readonly string[]): LiveDifference[] {
    const { product } = this.#live;
    return logins.flatMap((login) => {
      const role = this.#roleOf(login);
      return paths.flatMap((path) => {
        const server = role === undefined ? [] : rightsOn(this.#of(role), [path], product).rights;
        const fleet = rightsOn(login.policies, [path], product).rights;
        return difference(login, path, fleet, server);
      });
    });
  }

  /** Where the rules that a login has at the server are others than those of the fleet. */
  differencesOf(login: VaultLogin): LiveDifference[] {
    const role = this.#roleOf(login);
    const live = (role?.policies ?? []).flatMap((name) => (name === 'default' ? [] : (this.#policies.get(name) ?? [])));
    const [fleet, server] = [rulesByPath(login.policies), rulesByPath(live)];
    const paths = [...new Set([...fleet.keys(), ...server.keys()])].sort();
    return paths.flatMap((path) => difference(login, path, fleet.get(path) ?? [], server.get(path) ?? []));
  }

  #roleOf({ mount, role: name }: VaultLogin): LiveRole | undefined {
    return this.#live.roles.find(({ path }) => path.startsWith(`auth/${mount}/`) && path.endsWith(`/${name}`));
  }

  #of(role: LiveRole): Policy[] {
    return [...new Set([...role.policies, 'default'])].flatMap((name) => this.#policies.get(name) ?? []);
  }
}

function difference(
  { mount, role }: VaultLogin,
  path: string,
  fleet: readonly string[],
  server: readonly string[],
): LiveDifference[] {
  return fleet.join() === server.join() ? [] : [{ role: `auth/${mount}, role ${role}`, path, fleet, server }];
}

/** Capabilities on each pattern, with what limits them. */
function rulesByPath(policies: readonly Policy[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const rule of canonicalRules(policies.flatMap(({ rules }) => rules))) {
    const { path, capabilities, minWrappingTtl, maxWrappingTtl, ...limits } = rule;
    const words = [
      ...capabilities,
      ...(minWrappingTtl === undefined ? [] : [`wrapped for at least ${formatDuration(minWrappingTtl * 1000)}`]),
      ...(maxWrappingTtl === undefined ? [] : [`wrapped for at most ${formatDuration(maxWrappingTtl * 1000)}`]),
      ...Object.entries(limits).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    ];
    found.set(path, [...(found.get(path) ?? []), ...words]);
  }
  return found;
}

const operationsOf = [
  ['read', ['read']],
  ['write', ['create', 'update', 'patch']],
  ['delete', ['delete']],
  ['list', ['list']],
] as const;

function rightsOn(
  set: readonly Policy[],
  paths: readonly string[],
  product: Product,
): { readonly rights: readonly Right[]; readonly places: readonly RulePlace[] } {
  const index = new RuleIndex(set, { product });
  const rights = new Set<Right>();
  const places = new Map<string, RulePlace>();
  for (const path of paths) {
    const limit = index.find(path, false)?.maxWrappingTtl ?? 0;
    for (const [right, operations] of operationsOf) {
      for (const operation of operations) {
        const answer = isAllowed(index, { path, operation, ...(limit === 0 ? {} : { wrapTtl: limit }) });
        if (answer.allowed) {
          rights.add(right);
          answer.places.forEach((place) => places.set(`${place.policy} ${place.path}`, place));
        }
      }
    }
  }
  return { rights: [...rights], places: [...places.values()] };
}
