import type { Fleet, FleetDocument } from '../fleet/model.ts';
import { accessPath, databaseCredsPath } from '../fleet/names.ts';
import { patternMatches } from '../model/path-pattern.ts';
import type { RulePoliciesSpec } from '../proofs/vault.spec.ts';
import type { Builder } from './builder.ts';
import { inAuthMount, policyId } from './places.ts';
import { storeLogins } from './store-login.ts';

type Rule = FleetDocument<'Rule'>;
type Consumer = FleetDocument<'Consumer'>;

/** For each Vault that holds something of a Rule's object: what the policies there let everybody do who logs in. */
export function compileRulePolicies(builder: Builder, rule: Rule, isForbidden: (consumer: Consumer) => boolean): void {
  for (const store of builder.fleet.stores.values()) {
    const kv = store.spec.vault?.mounts.kv;
    const object = kv === undefined ? undefined : objectIn(builder.fleet, rule, store.name, kv);
    const logins = object === undefined ? [] : storeLogins(builder, store.name);
    if (kv === undefined || object === undefined || logins.length === 0) {
      continue;
    }
    const identities = logins.map(({ document, ...login }) => ({ ...login, isAllowed: !isForbidden(document) }));
    const spec: RulePoliciesSpec = { rule: rule.name, store: store.name, kv, ...object, identities };
    const forbidden = identities.filter(({ isAllowed }) => !isAllowed).map(({ consumer }) => consumer);
    const who = forbidden.length === 0 ? 'nobody whom it forbids' : `none of ${forbidden.join(', ')}`;
    builder.claim(rule, {
      kind: 'rule-policies',
      variant: [store.name],
      sentence: `${rule.name}: ${who} has a right to it in ${store.name}, live and by the fleet's policies`,
      group: 'rules',
      restsOn: identities.flatMap(({ mount, method, role, policy, directory }) => [
        policyId(store.name, policy),
        inAuthMount(store.name, method === 'cert' ? 'cert-role' : 'app-role', mount, role),
        ...(typeof directory === 'string' ? [] : [directory.from]),
      ]),
      spec,
    });
  }
}

/** What of a Rule's object lies in a store; undefined: nothing. */
function objectIn(
  fleet: Fleet,
  { spec }: Rule,
  store: string,
  kv: string,
): Pick<RulePoliciesSpec, 'pattern' | 'paths'> | undefined {
  const { secrets, database } = spec;
  const accesses = [...fleet.accesses.values()].filter((access) => access.spec.store === store);
  if (secrets !== undefined) {
    const inside = accesses.filter((access) => patternMatches(secrets.path, accessPath(access)));
    const paths = inside.flatMap((access) => databaseCredsPath(fleet, access) ?? []);
    return secrets.store === store ? { pattern: secrets.path, paths } : undefined;
  }
  const into = accesses.filter(
    (access) =>
      access.spec.postgres === database?.postgres &&
      (access.spec.database === database.name || access.spec.privileges === 'superuser'),
  );
  const paths = into.map((access) => databaseCredsPath(fleet, access) ?? `${kv}/data/${accessPath(access)}`);
  return paths.length === 0 ? undefined : { paths };
}
