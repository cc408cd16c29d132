import type { CompiledFleet } from '../model/compiled.ts';
import type { ResourceId } from '../model/ids.ts';
import { parseResourceId } from '../model/ids.ts';
import { capabilitiesOn, isAllowed } from './evaluate.ts';
import type { RulePlace } from './evaluate.ts';
import type { PathRule, Policy } from './policy.ts';
import { RuleIndex } from './rule-index.ts';

/** A consumer that logs in to a Vault of the fleet by itself: auth mount, role, policies. */
export interface VaultLogin {
  readonly resource: ResourceId;
  /** `Consumer/<name>`. */
  readonly document: string;
  readonly consumer: string;
  readonly store: string;
  readonly mount: string;
  readonly role: string;
  readonly policies: readonly Policy[];
}

/** What leads from a login to a path: the rule that grants it. */
export interface Granted {
  readonly login: VaultLogin;
  readonly right: 'read' | 'write';
  readonly places: readonly RulePlace[];
  /** What the rule's answers must be wrapped for at most, seconds. */
  readonly wrapSeconds?: number;
}

interface RoleView {
  readonly mount: string;
  readonly role: string;
  readonly token: { readonly policies: readonly string[] };
}

interface PolicyView {
  readonly name: string;
  readonly rules: readonly PathRule[];
}

/** Everybody in a fleet who asks a Vault himself. */
export function vaultLoginsOf({ resources }: CompiledFleet): readonly VaultLogin[] {
  const policies = new Map(
    resources
      .filter(({ kind }) => kind === 'policy')
      .map(({ target, spec }) => [`${target} ${(spec as PolicyView).name}`, spec as PolicyView]),
  );
  return resources
    .filter(({ kind }) => kind === 'app-role' || kind === 'cert-role')
    .map(({ id, target, document, spec }) => {
      const { mount, role, token } = spec as RoleView;
      return {
        resource: id,
        document,
        consumer: document.split('/')[1] ?? document,
        store: parseResourceId(id).targetName,
        mount,
        role,
        policies: token.policies.flatMap((name) => policies.get(`${target} ${name}`) ?? []),
      };
    });
}

/** Where entries of a Vault are in its API; undefined for another kind of store. */
function entryMountOf({ targets }: CompiledFleet, store: string): string | undefined {
  const target = targets.find(({ id }) => id === `store/${encodeURIComponent(store)}`);
  return (target?.spec as { readonly vault?: { readonly mount: string } } | undefined)?.vault?.mount;
}

/** Paths of the API that a question about a path of a store may mean: an entry, or a path of an engine as it is. */
export function apiPathsOf(compiled: CompiledFleet, store: string, path: string): readonly string[] {
  const mount = entryMountOf(compiled, store);
  return mount === undefined ? [] : [`${mount}/data/${path}`, path];
}

/** Which logins have a right on one of these paths of the API, and by which rule. */
export function grantsOn(logins: readonly VaultLogin[], paths: readonly string[]): readonly Granted[] {
  return logins.flatMap((login) => {
    const index = new RuleIndex(login.policies);
    return paths.flatMap((path): Granted[] => {
      const limit = index.find(path, false)?.maxWrappingTtl;
      const wrapSeconds = limit === undefined || limit === 0 ? undefined : limit;
      const ask = (operation: 'read' | 'create' | 'update') =>
        isAllowed(index, { path, operation, ...(wrapSeconds === undefined ? {} : { wrapTtl: wrapSeconds }) });
      const read = ask('read');
      const writes = [ask('update'), ask('create')].filter(({ allowed }) => allowed);
      return [
        ...(read.allowed ? [{ login, right: 'read' as const, places: read.places, wrapSeconds }] : []),
        ...(writes[0] === undefined ? [] : [{ login, right: 'write' as const, places: writes[0].places, wrapSeconds }]),
      ];
    });
  });
}

/** The policy of the fleet that has all these capabilities on a path of a Vault's API; undefined when none has. */
export function policyThatGrants(
  compiled: CompiledFleet,
  store: string,
  path: string,
  capabilities: readonly string[],
): string | undefined {
  const policies = vaultLoginsOf(compiled)
    .filter((login) => login.store === store)
    .flatMap((login) => login.policies);
  return policies.find((policy) => {
    const can = capabilitiesOn([policy], path);
    return capabilities.every((each) => can.includes(each));
  })?.name;
}
