import {
  boolean,
  duration,
  integer,
  kind,
  list,
  map,
  object,
  optional,
  preset,
  referenceByDefault,
  referenceWhereNeeded,
  text,
  words,
  type Spec,
} from '../schema.ts';
import { keyReference, port, resources, storage, trust } from './fragments.ts';

const tls = object('TLS of clients and nodes.', {
  mode: preset(
    words(
      'Any sslmode of libpq, for clients and nodes alike; below require only with an allow; raising it is staged.',
      ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const,
    ),
    'verify-full',
  ),
  authority: referenceWhereNeeded('Authority', 'Authority that issues its certificates.'),
  hosts: preset(
    list(
      'Names in the certificate beside those of service, pod and Link, which are found.',
      text('A host name.', { format: 'host', example: 'orders.example.com' }),
      0,
    ),
    [],
  ),
  minVersion: preset(words('Lowest version of TLS.', ['TLSv1.2', 'TLSv1.3'] as const), 'TLSv1.3'),
  clientCertificates: optional(
    words(
      'Whether clients may or must show a certificate; default: accepted where an access or a replication uses them.',
      ['none', 'accepted', 'required'] as const,
    ),
  ),
});

const database = object('A database.', {
  name: text('Its name.', { format: 'identifier', example: 'orders' }),
  owner: optional(
    text('Its owner, a role of our own without login; default: NAME_owner.', {
      format: 'identifier',
      example: 'orders_owner',
    }),
  ),
  extensions: preset(
    list('Extensions that it has.', text('An extension.', { format: 'identifier', example: 'pgcrypto' }), 0),
    [],
  ),
  setup: optional(
    text('SQL that runs once, after creation, as owner.', { example: 'CREATE TABLE orders (id bigint PRIMARY KEY);' }),
  ),
});

export const Postgres = kind(
  'Postgres',
  'postgreses',
  'One PostgreSQL cluster. Its name is also the name of the operator’s object.',
  {
    site: referenceByDefault('Site', 'Site where it runs.'),
    namespace: optional(text('Namespace; default: the one of the site.', { format: 'name', example: 'db' })),
    version: optional(integer('Major version; not with external.', 14, 99)),
    cloudNativePg: optional(
      object('Run by the CloudNativePG operator.', {
        distribution: preset(words('Whose operator.', ['community', 'edb'] as const), 'community'),
      }),
    ),
    percona: optional(object('Run by the Percona operator.', {})),
    patroni: optional(
      object('Run by Patroni; adopted, not installed.', {
        etcd: optional(
          list(
            'Its etcd; default: Kubernetes is its store.',
            text('An address.', { format: 'url', example: 'https://etcd:2379' }),
          ),
        ),
      }),
    ),
    process: optional(
      object('A server on a local site.', { port: optional(port('Its port; default: a free one, remembered.')) }),
    ),
    external: optional(
      object('A server that somebody else runs.', {
        host: text('Its host.', { format: 'host', example: 'db.example' }),
        port: preset(port('Its port.'), 5432),
        adminUser: preset(text('Role that Keywright logs in as.', { format: 'roleName' }), 'postgres'),
        admin: keyReference('Password of that role.'),
        ca: optional(trust),
      }),
    ),
    citus: optional(
      object('Distributed by Citus; with patroni, process, external.', {
        workers: preset(integer('Groups beside the coordinator.', 1, 999), 2),
      }),
    ),
    instances: preset(integer('Servers in the cluster, with citus in each group.', 1, 99), 1),
    storage: preset(storage('Storage of each server.', '20Gi'), {}),
    resources: optional(resources),
    image: optional(
      text('Image; default: the one of the operator for `version`.', { format: 'line', example: 'example/postgres' }),
    ),
    imagePullSecrets: preset(
      list('Secrets for pulling it.', text('Name of a Secret.', { format: 'name', example: 'pull' }), 0),
      [],
    ),
    serviceAccount: optional(
      text('Service account; default: the one of the operator; carries the cloud identity for backups.', {
        format: 'name',
        example: 'orders',
      }),
    ),
    parameters: preset(
      map('Parameters of the server.', 'parameter', text('Its value; numbers are quoted.', { example: '100' })),
      {},
    ),
    tls: preset(tls, {}),
    encryption: optional(
      object('Encryption at rest by pg_tde, of all new tables.', {
        store: referenceByDefault('Store', 'Store that holds the principal key.'),
        mount: optional(
          text('Mount of the key; default: the kv mount of the store.', { format: 'path', example: 'tde-orders' }),
        ),
        principalKey: text('Name of the principal key.', { format: 'line', example: 'orders' }),
        wal: preset(boolean('Whether the WAL is encrypted too.'), false),
        rotateEvery: preset(duration('How often the principal key is replaced.'), '90d'),
      }),
    ),
    provisioner: optional(
      object('Who makes databases, roles and grants; default: Keywright by SQL.', {
        crossplane: object('Crossplane with provider-sql.', {
          site: referenceByDefault('Site', 'Site where Crossplane runs.'),
          namespace: preset(text('Namespace of its secrets.', { format: 'name' }), 'crossplane-system'),
          providerConfig: text('Name of the ProviderConfig.', { format: 'name', example: 'pg' }),
        }),
      }),
    ),
    databases: preset(list('Its databases.', database, 0), []),
  },
  [['cloudNativePg', 'percona', 'patroni', 'process', 'external']],
);
export type Postgres = Spec<typeof Postgres>;
