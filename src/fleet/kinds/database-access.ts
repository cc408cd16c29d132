import {
  choice,
  duration,
  integer,
  kind,
  list,
  optional,
  preset,
  object,
  reference,
  referenceByDefault,
  text,
  words,
  type Spec,
} from '../schema.ts';

const credential = choice('What it logs in with.', {
  static: object('A password that is replaced from time to time.', {
    rotateEvery: preset(duration('How often it is replaced.'), '30d'),
    strategy: optional(
      words('With two logins in turn, or in place; default: alternate, for a superuser inPlace.', [
        'alternate',
        'inPlace',
      ] as const),
    ),
  }),
  dynamic: object('A login that is made for a while, by the database engine of the store.', {
    ttl: preset(duration('How long one lease is valid.'), '1h'),
    maxTtl: preset(duration('How long it can be renewed.'), '24h'),
  }),
  certificate: object('A client certificate.', {
    ttl: preset(duration('How long it is valid.'), '24h'),
    authority: referenceByDefault('Authority', 'Authority that issues it.'),
  }),
});

export const DatabaseAccess = kind(
  'DatabaseAccess',
  'databaseaccesses',
  'A way in to a database: role, rights, credential.',
  {
    postgres: reference('Postgres', 'The PostgreSQL cluster.'),
    database: optional(
      text('The database; not with superuser and replication.', { format: 'identifier', example: 'orders' }),
    ),
    schemas: preset(list('Schemas that it may use.', text('A schema.', { format: 'identifier' })), ['public']),
    privileges: words('Class of its rights.', [
      'readWrite',
      'readOnly',
      'owner',
      'replication',
      'superuser',
      'none',
    ] as const),
    grants: preset(
      list(
        'Statements beside the class, rarely; run again when what they gave was taken away. If all are plain GRANTs, what else the role is given by hand goes.',
        text('A GRANT statement; `{role}` is the role.', {
          placeholders: 'grant',
          example: 'GRANT EXECUTE ON FUNCTION f TO {role}',
        }),
        0,
      ),
      [],
    ),
    role: optional(
      text('The role; default: the name with _ for -. `alternate` adds _a and _b, dynamic a random end.', {
        format: 'roleName',
        example: 'orders_app',
      }),
    ),
    connectionLimit: preset(integer('Sessions at one time; -1: no limit.', -1, 262143), -1),
    credential,
    store: referenceByDefault('Store', 'Store that holds or issues the credential.'),
    path: optional(
      text('What consumers read; default: databases/POSTGRES/NAME.', {
        format: 'path',
        example: 'databases/orders/orders-app',
      }),
    ),
  },
);
export type DatabaseAccess = Spec<typeof DatabaseAccess>;
