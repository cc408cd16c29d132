import type { FleetDocument } from '../fleet/model.ts';
import { entryPath, tlsAuthority } from '../fleet/names.ts';
import { authorityOf } from './authority.ts';
import type { Builder } from './builder.ts';
import { bundlePath, directoryId, endpointOf, output } from './places.ts';
import { compileRulePolicies } from './rule-policies.ts';

type Rule = FleetDocument<'Rule'>;
type Consumer = FleetDocument<'Consumer'>;

/**
 * On local sites a Rule speaks of deliveries and logins: nothing delivered to a consumer that must not have it holds a
 * value of the object, or logs in where the rule forbids. Where consumers ask a Vault themselves, it speaks of policies
 * there, too.
 */
export function compileRule(builder: Builder, rule: Rule): void {
  compileRulePolicies(builder, rule, (consumer) => isForbidden(rule, consumer));
  const forbidden = [...builder.fleet.consumers.values()].filter(
    (consumer) => consumer.spec.directory !== undefined && isForbidden(rule, consumer),
  );
  const object = objectOf(builder, rule);
  if (object === undefined) {
    return;
  }
  const subjects = forbidden.map((consumer) => ({
    consumer: consumer.name,
    user: consumer.spec.directory?.user,
    directories: consumer.spec.secrets.map(({ name }) =>
      output(directoryId(consumer.spec.site ?? '', consumer.name, name), 'directory'),
    ),
  }));
  const who = subjects.length === 0 ? 'no consumer' : subjects.map(({ consumer }) => consumer).join(', ');
  builder.claim(rule, {
    kind: 'rule',
    sentence: `${rule.name}: nothing delivered to ${who} ${object.words}`,
    group: 'rules',
    restsOn: subjects.flatMap(({ directories }) => directories.map(({ from }) => from)),
    spec: { rule: rule.name, object: object.object, subjects },
  });
}

function isForbidden(rule: Rule, consumer: Consumer): boolean {
  const matches = (subject: { site?: string; consumer?: string; group?: string }): boolean =>
    subject.consumer === consumer.name || (subject.site !== undefined && subject.site === consumer.spec.site);
  const { onlyBy, neverBy } = rule.spec;
  return onlyBy === undefined ? (neverBy ?? []).some(matches) : !onlyBy.some(matches);
}

function objectOf(builder: Builder, rule: Rule): { readonly object: object; readonly words: string } | undefined {
  const { secrets, database } = rule.spec;
  if (secrets !== undefined) {
    const object = { secrets: { ...secrets, publicKeys: publicKeys(builder, secrets.store) } };
    return { object, words: `holds a value of ${secrets.path}` };
  }
  const postgres = database === undefined ? undefined : builder.fleet.postgres.get(database.postgres);
  if (database === undefined || postgres?.spec.process === undefined) {
    return undefined;
  }
  const authority = tlsAuthority(postgres);
  const bundle = {
    store: authorityOf(builder.fleet, authority).spec.pki?.store ?? '',
    path: bundlePath(builder.fleet.name, authority),
  };
  const endpoint = endpointOf(postgres.spec.site, postgres.name);
  return {
    object: { database: { endpoint, name: database.name, tables: database.tables, bundle } },
    words: `logs in to ${database.name} on ${postgres.name}`,
  };
}

/** Keys that stand in the fleet as they are, by path: whoever holds the same text has been given no secret. */
function publicKeys(builder: Builder, store: string): Readonly<Record<string, readonly string[]>> {
  const trees = [...builder.fleet.secretTrees.values()].filter(({ spec }) => spec.store === store);
  const entries = trees.flatMap((tree) => tree.spec.entries.map((entry) => ({ path: entryPath(tree, entry), entry })));
  return Object.fromEntries(
    entries.flatMap(({ path, entry }) => {
      const keys = Object.entries(entry.keys ?? {}).filter(
        ([, { value }]) => value !== undefined && !/[{}]/.test(value),
      );
      return keys.length === 0 ? [] : [[path, keys.map(([name]) => name)]];
    }),
  );
}
