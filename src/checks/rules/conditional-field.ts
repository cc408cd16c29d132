import type { SourcePointer } from '../../model/diagnostic.ts';
import type { Fleet } from '../../fleet/model.ts';
import { at, atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

interface Problem {
  readonly message: string;
  readonly object: string;
  readonly source: SourcePointer;
  readonly remedy: string;
}

export const conditionalField = defineRule({
  id: 'KW051',
  name: 'conditional-field',
  what: 'A field is needed, or has no meaning, because of another field.',
  why: 'Without the one there is nothing to act on; the other would be written and not heeded.',
  example:
    'kind: DatabaseAccess\nspec: { privileges: superuser, database: orders }     # a superuser reaches every database',
  remedy: 'Add what is needed, remove what has no meaning.',
  *check({ fleet }, rule) {
    for (const problem of problemsOf(fleet)) {
      yield finding(rule, problem);
    }
  },
});

function* problemsOf(fleet: Fleet): Iterable<Problem> {
  yield* ofStoresAndAuthorities(fleet);
  yield* ofLocalServers(fleet);
  yield* ofDatabases(fleet);
  yield* ofSecretTrees(fleet);
  yield* ofConsumers(fleet);
}

function needed(object: string, source: SourcePointer, field: string, because: string): Problem {
  return { message: `\`${field}\` is needed ${because}`, object, source, remedy: `Add \`${field}\`.` };
}

function meaningless(object: string, source: SourcePointer, because: string): Problem {
  const field = source.pointer.split('/').at(-1);
  return { message: `\`${field}\` has no meaning ${because}`, object, source, remedy: `Remove \`${field}\`.` };
}

const onLocalSite = 'on a local site: it runs as processes of this machine, and answers on this machine alone';

/** Fields that only a cluster heeds; those that were written. */
function* ofLocalServers(fleet: Fleet): Iterable<Problem> {
  for (const { document: object, source, spec } of fleet.stores.values()) {
    const server = spec.vault?.server;
    if (server === undefined || fleet.sites.get(server.site)?.spec.local === undefined) {
      continue;
    }
    const { resources, allowFrom, exposure, namespace, storage } = server;
    const written = {
      namespace: namespace !== 'vault',
      storage: storage.size !== '10Gi' || storage.class !== undefined,
      resources: resources !== undefined,
      exposure: exposure.internal === undefined,
      allowFrom: allowFrom !== undefined,
    };
    for (const [field, isWritten] of Object.entries(written)) {
      if (isWritten) {
        yield meaningless(object, atKey(source, 'spec', 'vault', 'server', field), onLocalSite);
      }
    }
  }
  for (const { document: object, source, spec } of fleet.postgres.values()) {
    const { storage } = spec;
    const written = {
      namespace: spec.namespace !== undefined,
      storage: storage.size !== '20Gi' || storage.class !== undefined,
      resources: spec.resources !== undefined,
      image: spec.image !== undefined,
      imagePullSecrets: spec.imagePullSecrets.length > 0,
      serviceAccount: spec.serviceAccount !== undefined,
    };
    for (const [field, isWritten] of Object.entries(written)) {
      if (spec.process !== undefined && isWritten) {
        yield meaningless(object, atKey(source, 'spec', field), onLocalSite);
      }
    }
  }
}

function* ofStoresAndAuthorities(fleet: Fleet): Iterable<Problem> {
  for (const { document: object, source, spec } of fleet.stores.values()) {
    const server = spec.vault?.server;
    const local = server !== undefined && fleet.sites.get(server.site)?.spec.local !== undefined;
    const place = atKey(source, 'spec', 'vault');
    if (spec.vault !== undefined && spec.vault.addresses === undefined && !local) {
      yield needed(object, place, 'addresses', 'for a Vault that does not run on a local site');
    }
    if (local && spec.vault?.ca?.authority === undefined) {
      yield {
        ...needed(object, place, 'ca', 'for a server on a local site'),
        remedy: 'Add `ca: { authority: NAME }`, an Authority whose keys lie in another store.',
      };
    }
    const ownsKey = local && fleet.stores.get(fleet.home)?.spec.file !== undefined;
    if (server !== undefined && server.keyShares === undefined && !ownsKey) {
      yield needed(
        object,
        atKey(source, 'spec', 'vault', 'server'),
        'keyShares',
        'where the home of the fleet has no key of its own that could hold them',
      );
    }
    if (spec.vault !== undefined && spec.vault.login === undefined && server === undefined) {
      yield needed(object, place, 'login', 'for a Vault that Keywright does not run itself');
    }
  }
  for (const { document: object, source, spec } of fleet.authorities.values()) {
    const issuer = spec.certManager;
    if (issuer?.kind === 'Issuer' && issuer.namespace === undefined) {
      yield needed(object, atKey(source, 'spec', 'certManager'), 'namespace', 'with `kind: Issuer`');
    }
    if (issuer?.kind === 'ClusterIssuer' && issuer.namespace !== undefined) {
      yield meaningless(object, atKey(source, 'spec', 'certManager', 'namespace'), 'with `kind: ClusterIssuer`');
    }
  }
}

function* ofDatabases(fleet: Fleet): Iterable<Problem> {
  for (const { document: object, source, spec } of fleet.postgres.values()) {
    if (spec.version === undefined && spec.external === undefined) {
      yield needed(object, atKey(source, 'spec'), 'version', 'for a server that Keywright makes');
    }
    if (spec.tls.authority === undefined && spec.external === undefined) {
      yield {
        ...needed(object, atKey(source, 'spec'), 'tls.authority', 'where there is not exactly one Authority'),
        remedy: 'Add `tls: { authority: NAME }`, or `authority` to the `defaults` of the Fleet.',
      };
    }
    if (spec.version !== undefined && spec.external !== undefined) {
      yield meaningless(object, atKey(source, 'spec', 'version'), 'with `external`: the server says it itself');
    }
    if (spec.citus !== undefined && (spec.cloudNativePg ?? spec.percona) !== undefined) {
      yield meaningless(
        object,
        atKey(source, 'spec', 'citus'),
        'with this operator; it goes with patroni, process and external',
      );
    }
  }
  for (const { document: object, source, spec } of fleet.accesses.values()) {
    const everywhere = spec.privileges === 'superuser' || spec.privileges === 'replication';
    if (everywhere && spec.database !== undefined) {
      yield meaningless(
        object,
        atKey(source, 'spec', 'database'),
        `with \`privileges: ${spec.privileges}\`, which are not of one database`,
      );
    }
    if (!everywhere && spec.database === undefined) {
      yield needed(object, atKey(source, 'spec'), 'database', `with \`privileges: ${spec.privileges}\``);
    }
  }
}

function* ofSecretTrees(fleet: Fleet): Iterable<Problem> {
  for (const { document: object, source, spec } of fleet.secretTrees.values()) {
    for (const [index, entry] of spec.entries.entries()) {
      const place = (...keys: string[]) => atKey(source, 'spec', 'entries', index, ...keys);
      if (entry.rotateEvery !== undefined && (entry.keys ?? entry.certificate) !== undefined) {
        const because =
          entry.keys === undefined ? 'for a certificate, which has `ttl`' : 'beside `keys`; each key has its own';
        yield meaningless(object, place('rotateEvery'), because);
      }
      for (const [key, { value, rotateEvery }] of Object.entries(entry.keys ?? {})) {
        if (value !== undefined && rotateEvery !== undefined) {
          yield meaningless(object, place('keys', key, 'rotateEvery'), 'for a `value`, which is written here');
        }
      }
    }
  }
}

function* ofConsumers(fleet: Fleet): Iterable<Problem> {
  const notWithGroup = ['site', 'namespace', 'delivery', 'onChange'] as const;
  for (const { document: object, source, spec } of fleet.consumers.values()) {
    if (spec.group !== undefined) {
      for (const field of notWithGroup) {
        if (spec[field] !== undefined) {
          yield meaningless(object, atKey(source, 'spec', field), 'for a group: people ask the store themselves');
        }
      }
      if (spec.secrets.length > 0) {
        yield {
          ...meaningless(object, atKey(source, 'spec', 'secrets'), 'for a group: nothing is delivered to people'),
          remedy: 'Use `reads`.',
        };
      }
    }
    if (spec.directory !== undefined && spec.namespace !== undefined) {
      yield meaningless(object, atKey(source, 'spec', 'namespace'), 'with `directory`');
    }
    for (const [index, read] of spec.reads.entries()) {
      if (read.access !== undefined && read.store !== undefined) {
        yield meaningless(
          object,
          atKey(source, 'spec', 'reads', index, 'store'),
          'with `access`, which names its store',
        );
      }
    }
    for (const [index, secret] of spec.secrets.entries()) {
      for (const [alias, from] of Object.entries(secret.from)) {
        if (from.path === undefined && from.store !== undefined) {
          yield meaningless(object, atKey(source, 'spec', 'secrets', index, 'from', alias, 'store'), 'without `path`');
        }
      }
      if (Object.keys(secret.from).length === 0 && Object.keys(secret.data ?? {}).length === 0) {
        yield needed(object, at(source, 'spec', 'secrets', index), 'from', 'for a copy that holds something');
      }
    }
  }
}
