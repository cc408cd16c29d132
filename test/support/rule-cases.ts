import { basis, document, documents, fleetText } from './fleet-text.ts';

/** A mistake for each rule, and the same fleet without it. */
export interface RuleCase {
  readonly rule: string;
  readonly what: string;
  readonly bad: string;
  /** What the caret underlines. */
  readonly under: string;
  readonly good: string;
}

function access(name: string, spec: string): string {
  return document('DatabaseAccess', name, `postgres: pg\n${spec}`);
}

const app = 'database: app\nprivileges: readOnly\ncredential: { static: {} }';

function tree(name: string, entries: string): string {
  return document('SecretTree', name, `entries: ${entries}`);
}

function consumer(name: string, spec: string): string {
  return document('Consumer', name, `directory: { name: ${name} }\n${spec}`);
}

function copy(from: string, data = ''): string {
  return `secrets:\n- name: s\n  from: ${from}\n${data === '' ? '' : `  data: ${data}\n`}`;
}

function postgres(spec: string, name = 'pg'): string {
  return document('Postgres', name, `version: 18\nprocess: {}\ndatabases: [{ name: app }]\n${spec}`);
}

const two = document('Postgres', 'two', 'version: 18\nprocess: {}\ndatabases: [{ name: app }]');

function replication(flows: string, name = 'r'): string {
  return document('Replication', name, `logical:\n  database: app\n  flows:\n${flows.replace(/^/gm, '  ')}`);
}

const oneWay = replication('- { from: pg, to: [two], tables: [a] }');
const keys = tree('keys', '[{ path: apps/one, keys: { password: { generate: { hex: 32 } }, user: { value: one } } }]');

/** A Vault with something in it, and who asks it beside getting a copy of that name. */
const ownVault = documents(
  document('Store', 'main', 'vault: { addresses: ["https://v.example"], login: { tokenFile: t } }'),
  document('SecretTree', 'asked', 'store: main\nentries: [{ path: a, keys: { k: { import: {} } } }]'),
);

function asker(name: string): string {
  const copies = `secrets: [{ name: ${name}, from: { a: { store: main, path: a } } }]`;
  return consumer('c', `reads: [{ store: main, path: a }]\n${copies}`);
}

/** A fleet with clusters, a Vault and two authorities, for rules about those. */
const clusters: Readonly<Record<string, string>> = {
  fleet: document('Fleet', 'test', 'home: box\ndefaults: { store: box, site: here, authority: ca }'),
  here: document('Site', 'here', 'kubernetes: {}'),
  there: document('Site', 'there', 'kubernetes: {}'),
  store: basis.store ?? '',
  authority: basis.authority ?? '',
  vault: vault('server: { site: here, keyShares: { threshold: 1, holders: [age1a] } }'),
  postgres: document('Postgres', 'pg', 'version: 18\ncloudNativePg: {}\ndatabases: [{ name: app }]'),
};

function vault(spec: string, addresses = '[https://vault.example]'): string {
  return document('Store', 'vault', `vault:\n  addresses: ${addresses}\n  ${spec.replaceAll('\n', '\n  ')}`);
}

function clusterText(more: readonly string[] = [], replaced: Readonly<Record<string, string>> = {}): string {
  return documents(...Object.values({ ...clusters, ...replaced }), ...more);
}

function pod(name: string, site: string, spec: string): string {
  return document('Consumer', name, `serviceAccounts: [${name}]\nsite: ${site}\n${spec}`);
}

/** A store that the fleet runs on this machine. */
function ownStore(more: string): string {
  return fleetText([document('Store', 'main', `vault: { ca: { authority: ca }, server: { site: here${more} } }`)], {
    fleet: document('Fleet', 'test', 'home: box\ndefaults: { store: box }'),
  });
}

const login = 'login: { tokenFile: t }';

const heldByPeople = ', keyShares: { threshold: 2, holders: [age1a, age1b, age1c] }';

export const ruleCases: readonly RuleCase[] = [
  {
    rule: 'plain-http',
    what: 'a Vault addressed by http',
    bad: clusterText([], { vault: vault(login, '["http://vault.example:8200"]') }),
    under: '"http://vault.example:8200"',
    good: clusterText([], { vault: vault(login) }),
  },
  {
    rule: 'no-dynamic-read-through-kv',
    what: 'a path of the database engine',
    bad: clusterText([
      document(
        'DatabaseAccess',
        'acc',
        `store: vault\npostgres: pg\ndatabase: app\nprivileges: none\ncredential: { dynamic: {} }`,
      ),
      pod('c', 'here', copy('{ db: { store: vault, path: database/creds/acc } }')),
    ]),
    under: '{ store: vault, path: database/creds/acc }',
    good: clusterText([
      document(
        'DatabaseAccess',
        'acc',
        `store: vault\npostgres: pg\ndatabase: app\nprivileges: none\ncredential: { dynamic: {} }`,
      ),
      pod('c', 'here', copy('{ db: { access: acc } }')),
    ]),
  },
  {
    rule: 'no-dynamic-read-through-kv',
    what: 'the path of a dynamic access of a file store',
    bad: fleetText([
      access('acc', 'database: app\nprivileges: none\ncredential: { dynamic: {} }'),
      consumer('c', copy('{ db: { path: databases/pg/acc } }')),
    ]),
    under: '{ path: databases/pg/acc }',
    good: fleetText([access('acc', app), consumer('c', copy('{ db: { path: databases/pg/acc } }'))]),
  },
  {
    rule: 'cycle',
    what: 'a store whose own certificate comes from an authority in it',
    bad: clusterText([document('Authority', 'own', 'pki: { store: vault }')], {
      vault: vault('ca: { authority: own }\nserver: { site: here, keyShares: { threshold: 1, holders: [age1a] } }'),
    }),
    under: '{ store: vault }',
    good: clusterText([document('Authority', 'own', 'pki: { store: box }')], {
      vault: vault('ca: { authority: own }\nserver: { site: here, keyShares: { threshold: 1, holders: [age1a] } }'),
    }),
  },
  {
    rule: 'cycle',
    what: 'an administrator’s password that is set by logging in with it',
    bad: fleetText([access('admin', 'privileges: superuser\nrole: postgres\ncredential: { static: {} }')], {
      postgres: document(
        'Postgres',
        'pg',
        'external: { host: db.example, admin: { path: databases/pg/admin, key: password } }',
      ),
    }),
    under: 'pg',
    good: fleetText(
      [
        access('admin', 'privileges: superuser\nrole: postgres\ncredential: { static: {} }'),
        tree('t', '[{ path: db, keys: { password: { import: {} } } }]'),
      ],
      { postgres: document('Postgres', 'pg', 'external: { host: db.example, admin: { path: db, key: password } }') },
    ),
  },
  {
    rule: 'identifier-collision',
    what: 'two accesses with one role',
    bad: fleetText([access('one-app', app), access('other', `role: one_app\n${app}`)]),
    under: 'one_app',
    good: fleetText([access('one-app', app), access('other', `role: two_app\n${app}`)]),
  },
  {
    rule: 'identifier-collision',
    what: 'a role that is another access’s login',
    bad: fleetText([access('app', app), access('app-b', app)]),
    under: 'app-b',
    good: fleetText([access('app', app), access('app-c', app)]),
  },
  {
    rule: 'identifier-collision',
    what: 'databases whose names differ in - and _ only',
    bad: fleetText([], { postgres: postgres('').replace('[{ name: app }]', '[{ name: my-db }, { name: my_db }]') }),
    under: 'my_db',
    good: fleetText([], { postgres: postgres('').replace('[{ name: app }]', '[{ name: my-db }, { name: your_db }]') }),
  },
  {
    rule: 'identifier-collision',
    what: 'a name that PostgreSQL keeps for itself',
    bad: fleetText([access('x', `role: pg_monitor\n${app}`)]),
    under: 'pg_monitor',
    good: fleetText([access('x', `role: monitor\n${app}`)]),
  },
  {
    rule: 'identifier-collision',
    what: 'a reader that would be the superuser',
    bad: fleetText([access('x', `role: postgres\n${app}`)]),
    under: 'postgres',
    good: fleetText([access('x', 'role: postgres\nprivileges: superuser\ncredential: { static: {} }')]),
  },
  {
    rule: 'identifier-too-long',
    what: 'a role of 62 bytes with the end of a login',
    bad: fleetText([access('x', `role: ${'a'.repeat(62)}\n${app}`)]),
    under: 'a'.repeat(62),
    good: fleetText([access('x', `role: ${'a'.repeat(61)}\n${app}`)]),
  },
  {
    rule: 'unknown-placeholder',
    what: 'a key that an access does not have',
    bad: fleetText([access('acc', app), consumer('c', copy('{ db: { access: acc } }', '{ URL: "{db.url}" }'))]),
    under: '"{db.url}"',
    good: fleetText([access('acc', app), consumer('c', copy('{ db: { access: acc } }', '{ URL: "{db.uri}" }'))]),
  },
  {
    rule: 'unknown-placeholder',
    what: 'an alias that is not there',
    bad: fleetText([keys, consumer('c', copy('{ app: { path: apps/one } }', '{ A: "{app.user}", B: "{ap.user}" }'))]),
    under: '"{ap.user}"',
    good: fleetText([keys, consumer('c', copy('{ app: { path: apps/one } }', '{ A: "{{ap.user}} {app.user}" }'))]),
  },
  {
    rule: 'unknown-placeholder',
    what: 'a key of the entry that is not there',
    bad: fleetText([tree('t', '[{ path: a, keys: { url: { value: "x:{pass}" } } }]')]),
    under: '"x:{pass}"',
    good: fleetText([tree('t', '[{ path: a, keys: { url: { value: "x:{pass}" }, pass: { import: {} } } }]')]),
  },
  {
    rule: 'unknown-placeholder',
    what: 'another placeholder than {role} in a grant',
    bad: fleetText([access('x', `grants: ["GRANT SELECT ON a TO {rol}"]\n${app}`)]),
    under: '"GRANT SELECT ON a TO {rol}"',
    good: fleetText([access('x', `grants: ["GRANT SELECT ON a TO {role}"]\n${app}`)]),
  },
  {
    rule: 'unknown-path',
    what: 'a path that nothing makes',
    bad: fleetText([keys, consumer('c', copy('{ app: { path: apps/on } }'))]),
    under: '{ path: apps/on }',
    good: fleetText([keys, consumer('c', copy('{ app: { path: apps/one } }'))]),
  },
  {
    rule: 'unknown-path',
    what: 'a subtree in which nothing lies',
    bad: clusterText([pod('c', 'here', 'reads: [{ store: vault, path: "nothing/**" }]')]),
    under: '{ store: vault, path: "nothing/**" }',
    good: clusterText([
      document('SecretTree', 't', 'store: vault\nentries: [{ path: apps/a, keys: { k: { import: {} } } }]'),
      pod('c', 'here', 'reads: [{ store: vault, path: "apps/**" }]'),
    ]),
  },
  {
    rule: 'unknown-key',
    what: 'a key that the entry does not have',
    bad: fleetText([keys], {
      postgres: document('Postgres', 'pg', 'external: { host: db.example, admin: { path: apps/one, key: passwort } }'),
    }),
    under: 'passwort',
    good: fleetText([keys], {
      postgres: document('Postgres', 'pg', 'external: { host: db.example, admin: { path: apps/one, key: password } }'),
    }),
  },
  {
    rule: 'path-collision',
    what: 'an entry that two documents make',
    bad: fleetText([keys, tree('other', '[{ path: apps/one, keys: { b: { import: {} } } }]')]),
    under: 'apps/one',
    good: fleetText([keys, tree('other', '[{ path: apps/two, keys: { b: { import: {} } } }]')]),
  },
  {
    rule: 'reserved-path',
    what: 'an entry among our own records',
    bad: fleetText([tree('t', '[{ path: keywright/x, keys: { b: { import: {} } } }]')]),
    under: 'keywright/x',
    good: fleetText([tree('t', '[{ path: keywrights/x, keys: { b: { import: {} } } }]')]),
  },
  {
    rule: 'table-flows-two-ways',
    what: 'a table that flows both ways',
    bad: fleetText([
      two,
      replication('- { from: pg, to: [two], tables: [a] }\n- { from: two, to: [pg], tables: [public.a] }'),
    ]),
    under: 'public.a',
    good: fleetText([
      two,
      replication('- { from: pg, to: [two], tables: [a] }\n- { from: two, to: [pg], tables: [b] }'),
    ]),
  },
  {
    rule: 'certificate-outlives-issuer',
    what: 'a leaf longer than its intermediate',
    bad: fleetText([], { authority: document('Authority', 'ca', 'pki: {}\nleaf: { ttl: 2y }') }),
    under: '2y',
    good: fleetText([], {
      authority: document('Authority', 'ca', 'pki: { intermediate: { ttl: 3y } }\nleaf: { ttl: 2y }'),
    }),
  },
  {
    rule: 'certificate-outlives-issuer',
    what: 'an intermediate longer than its root',
    bad: fleetText([], { authority: document('Authority', 'ca', 'pki: { intermediate: { ttl: 10y } }') }),
    under: '10y',
    good: fleetText([], { authority: document('Authority', 'ca', 'pki: { intermediate: { ttl: 9y } }') }),
  },
  {
    rule: 'certificate-outlives-issuer',
    what: 'a client certificate longer than its issuer',
    bad: fleetText([access('x', 'database: app\nprivileges: none\ncredential: { certificate: { ttl: 365d } }')]),
    under: '365d',
    good: fleetText([access('x', 'database: app\nprivileges: none\ncredential: { certificate: { ttl: 364d } }')]),
  },
  {
    rule: 'renewed-too-early',
    what: 'a leaf that is due when it is issued',
    bad: fleetText([], { authority: document('Authority', 'ca', 'pki: {}\nleaf: { ttl: 10d, renewBefore: 10d }') }),
    under: '10d',
    good: fleetText([], { authority: document('Authority', 'ca', 'pki: {}\nleaf: { ttl: 10d, renewBefore: 9d }') }),
  },
  {
    rule: 'lease-longer-than-maximum',
    what: 'a ttl beyond its maxTtl',
    bad: fleetText([access('x', 'database: app\nprivileges: none\ncredential: { dynamic: { ttl: 25h } }')]),
    under: '25h',
    good: fleetText([access('x', 'database: app\nprivileges: none\ncredential: { dynamic: { ttl: 24h } }')]),
  },
  {
    rule: 'weak-tls-mode',
    what: 'a mode that lets connections go plain',
    bad: fleetText([], { postgres: postgres('tls: { mode: prefer }') }),
    under: 'prefer',
    good: fleetText([], { postgres: postgres('tls: { mode: require }') }),
  },
  {
    rule: 'single-replica',
    what: 'a store of one peer',
    bad: clusterText([], {
      vault: vault('server: { site: here, replicas: 1, keyShares: { threshold: 1, holders: [age1a] } }'),
    }),
    under: '1',
    good: clusterText(),
  },
  {
    rule: 'unreachable-postgres',
    what: 'a consumer on another cluster without a Link',
    bad: clusterText([access('acc', app), pod('c', 'there', copy('{ db: { access: acc } }'))]),
    under: '{ access: acc }',
    good: clusterText([
      access('acc', app),
      pod('c', 'there', copy('{ db: { access: acc } }')),
      document(
        'Link',
        'l',
        'skupper: { accepting: { site: here }, dialing: { site: there } }\nexposes: [{ postgres: pg }]',
      ),
    ]),
  },
  {
    rule: 'unreachable-postgres',
    what: 'a replication through a Link that does not expose its source',
    bad: clusterText([
      document('Postgres', 'two', 'site: there\nversion: 18\ncloudNativePg: {}\ndatabases: [{ name: app }]'),
      document(
        'Link',
        'l',
        'skupper: { accepting: { site: here }, dialing: { site: there } }\nexposes: [{ postgres: two }]',
      ),
      document(
        'Replication',
        'r',
        'link: l\nlogical: { database: app, flows: [{ from: pg, to: [two], tables: [a] }] }',
      ),
    ]),
    under: 'l',
    good: clusterText([
      document('Postgres', 'two', 'site: there\nversion: 18\ncloudNativePg: {}\ndatabases: [{ name: app }]'),
      document(
        'Link',
        'l',
        'skupper: { accepting: { site: here }, dialing: { site: there } }\nexposes: [{ postgres: pg }]',
      ),
      document(
        'Replication',
        'r',
        'link: l\nlogical: { database: app, flows: [{ from: pg, to: [two], tables: [a] }] }',
      ),
    ]),
  },
  {
    rule: 'unreachable-store',
    what: 'a consumer that asks a store inside another cluster',
    bad: clusterText([
      document('SecretTree', 't', 'store: vault\nentries: [{ path: a, keys: { k: { import: {} } } }]'),
      pod('c', 'there', 'reads: [{ store: vault, path: a }]'),
    ]),
    under: '{ store: vault, path: a }',
    good: clusterText([
      document('SecretTree', 't', 'store: vault\nentries: [{ path: a, keys: { k: { import: {} } } }]'),
      pod('c', 'here', 'reads: [{ store: vault, path: a }]'),
      pod('d', 'there', copy('{ a: { store: vault, path: a } }')),
    ]),
  },
  {
    rule: 'secret-in-document',
    what: 'a password that is written out',
    bad: fleetText([tree('t', '[{ path: a, keys: { db-password: { value: hunter2 } } }]')]),
    under: 'db-password',
    good: fleetText([tree('t', '[{ path: a, keys: { db-user: { value: hunter2 }, db-password: { import: {} } } }]')]),
  },
  {
    rule: 'secret-in-document',
    what: 'a URL with a password in it',
    bad: fleetText([tree('t', '[{ path: a, keys: { url: { value: "redis://u:p4ss@redis:6379" } } }]')]),
    under: 'url',
    good: fleetText([
      tree('t', '[{ path: a, keys: { url: { value: "redis://u:{p}@redis:6379" }, p: { import: {} } } }]'),
    ]),
  },
  {
    rule: 'bare-secret-in-json',
    what: 'a value that is not encoded in JSON text',
    bad: fleetText([keys, consumer('c', copy('{ app: { path: apps/one } }', `{ j: '{{"p": "{app.password}"}}' }`))]),
    under: `'{{"p": "{app.password}"}}'`,
    good: fleetText([
      keys,
      consumer('c', copy('{ app: { path: apps/one } }', `{ j: '{{"p": {app.password:json}}}' }`)),
    ]),
  },
  {
    rule: 'conditional-field',
    what: 'a database beside superuser',
    bad: fleetText([access('x', 'role: postgres\ndatabase: app\nprivileges: superuser\ncredential: { static: {} }')]),
    under: 'database',
    good: fleetText([access('x', 'role: postgres\nprivileges: superuser\ncredential: { static: {} }')]),
  },
  {
    rule: 'conditional-field',
    what: 'no database beside readOnly',
    bad: fleetText([access('x', 'privileges: readOnly\ncredential: { static: {} }')]),
    under: 'spec',
    good: fleetText([access('x', app)]),
  },
  {
    rule: 'conditional-field',
    what: 'a server of our own without a version',
    bad: fleetText([], { postgres: document('Postgres', 'pg', 'process: {}') }),
    under: 'spec',
    good: fleetText(),
  },
  {
    rule: 'conditional-field',
    what: 'who may connect to a store that answers on this machine alone',
    bad: ownStore(`, allowFrom: [{ site: here }]${heldByPeople}`),
    under: 'allowFrom',
    good: ownStore(heldByPeople),
  },
  {
    rule: 'conditional-field',
    what: 'storage of a server that is a process',
    bad: fleetText([], { postgres: document('Postgres', 'pg', 'version: 18\nprocess: {}\nstorage: { size: 50Gi }') }),
    under: 'storage',
    good: fleetText(),
  },
  {
    rule: 'conditional-field',
    what: 'an Issuer without a namespace',
    bad: clusterText([document('Authority', 'x', 'certManager: { site: here, issuer: i, kind: Issuer }')]),
    under: 'certManager',
    good: clusterText([
      document('Authority', 'x', 'certManager: { site: here, issuer: i, kind: Issuer, namespace: n }'),
    ]),
  },
  {
    rule: 'conditional-field',
    what: 'a group to which something is delivered',
    bad: clusterText([keys, document('Consumer', 'c', `group: people\n${copy('{ app: { path: apps/one } }')}`)]),
    under: 'secrets',
    good: clusterText([
      document('SecretTree', 't', 'store: vault\nentries: [{ path: a, keys: { k: { import: {} } } }]'),
      document('Consumer', 'c', 'group: people\nreads: [{ store: vault, path: a }]'),
    ]),
  },
  {
    rule: 'wrong-site',
    what: 'a process on a Kubernetes cluster',
    bad: clusterText([], { postgres: document('Postgres', 'pg', 'version: 18\nprocess: {}') }),
    under: '{}',
    good: clusterText(),
  },
  {
    rule: 'wrong-site',
    what: 'service accounts on a local site',
    bad: fleetText([keys, document('Consumer', 'c', `serviceAccounts: [c]\n${copy('{ app: { path: apps/one } }')}`)]),
    under: '[c]',
    good: fleetText([keys, consumer('c', copy('{ app: { path: apps/one } }'))]),
  },
  {
    rule: 'rule-matches-nothing',
    what: 'a Rule about a subtree that is not there',
    bad: fleetText([keys, document('Rule', 'r', 'secrets: { path: "app/**" }\nonlyBy: [{ site: here }]')]),
    under: '{ path: "app/**" }',
    good: fleetText([keys, document('Rule', 'r', 'secrets: { path: "apps/**" }\nonlyBy: [{ site: here }]')]),
  },
  {
    rule: 'rule-broken',
    what: 'a consumer that is given what a Rule keeps from it',
    bad: fleetText([
      keys,
      consumer('c', copy('{ app: { path: apps/one } }')),
      document('Rule', 'r', 'secrets: { path: "apps/**" }\nneverBy: [{ consumer: c }]'),
    ]),
    under: '{ path: apps/one }',
    good: fleetText([
      keys,
      consumer('c', copy('{ app: { path: apps/one } }')),
      document('Rule', 'r', 'secrets: { path: "apps/**" }\nonlyBy: [{ consumer: c }]'),
    ]),
  },
  {
    rule: 'rule-broken',
    what: 'an access that leads into a database kept from its consumer',
    bad: fleetText([
      access('acc', app),
      consumer('c', copy('{ db: { access: acc } }')),
      document('Rule', 'r', 'database: { postgres: pg, name: app }\nneverBy: [{ site: here }]'),
    ]),
    under: '{ access: acc }',
    good: fleetText([
      access('acc', app),
      consumer('c', copy('{ db: { access: acc } }')),
      document('Rule', 'r', 'database: { postgres: pg, name: app }\nonlyBy: [{ site: here }]'),
    ]),
  },
  {
    rule: 'home-run-by-fleet',
    what: 'a home that the fleet runs itself',
    bad: clusterText([], {
      fleet: document('Fleet', 'test', 'home: vault\ndefaults: { store: box, site: here, authority: ca }'),
    }),
    under: 'vault',
    good: clusterText(),
  },
  {
    rule: 'backup-not-encrypted',
    what: 'a backup of a store without recipients',
    bad: fleetText([document('Backup', 'b', 'store: box\nschedule: "0 2 * * *"\nto: { directory: b }')]),
    under: 'spec',
    good: fleetText([
      document('Backup', 'b', 'store: box\nschedule: "0 2 * * *"\nto: { directory: b }\nencryptTo: [age1x]'),
    ]),
  },
  {
    rule: 'delivery-collision',
    what: 'two consumers with one folder',
    bad: fleetText([
      keys,
      consumer('c', copy('{ app: { path: apps/one } }')),
      document('Consumer', 'd', `directory: { name: c }\n${copy('{ app: { path: apps/one } }')}`),
    ]),
    under: 's',
    good: fleetText([
      keys,
      consumer('c', copy('{ app: { path: apps/one } }')),
      consumer('d', copy('{ app: { path: apps/one } }')),
    ]),
  },
  {
    rule: 'delivery-collision',
    what: 'a copy that is called like the login to a store',
    bad: fleetText([ownVault, asker('store-main')], { authority: document('Authority', 'ca', 'pki: { store: box }') }),
    under: 'store-main',
    good: fleetText([ownVault, asker('app')], { authority: document('Authority', 'ca', 'pki: { store: box }') }),
  },
  {
    rule: 'delivery-collision',
    what: 'two sources with one key',
    bad: fleetText([keys, access('acc', app), consumer('c', copy('{ a: { path: apps/one }, b: { access: acc } }'))]),
    under: 'b',
    good: fleetText([
      keys,
      access('acc', app),
      consumer('c', copy('{ a: { path: apps/one }, b: { access: acc } }', '{ P: "{a.password}", Q: "{b.password}" }')),
    ]),
  },
  {
    rule: 'same-place',
    what: 'two servers on one port',
    bad: fleetText([two.replace('{}', '{ port: 15432 }')], { postgres: postgres('').replace('{}', '{ port: 15432 }') }),
    under: '15432',
    good: fleetText([two.replace('{}', '{ port: 15433 }')], {
      postgres: postgres('').replace('{}', '{ port: 15432 }'),
    }),
  },
  {
    rule: 'same-place',
    what: 'two sites in one folder',
    bad: fleetText([document('Site', 'other', 'local: { directory: ./.keywright/here/ }')], {
      postgres: postgres('site: here'),
    }),
    under: './.keywright/here/',
    good: fleetText([document('Site', 'other', 'local: { directory: .keywright/other }')], {
      postgres: postgres('site: here'),
    }),
  },
  {
    rule: 'replication-sides',
    what: 'a server that is to copy from itself',
    bad: fleetText([replication('- { from: pg, to: [pg], tables: [a] }')]),
    under: '[pg]',
    good: fleetText([two, oneWay]),
  },
  {
    rule: 'replication-sides',
    what: 'a standby of another major version',
    bad: fleetText([
      two.replace('18', '17'),
      document('Replication', 'r', 'physical: { primary: pg, standbys: [two] }'),
    ]),
    under: 'two',
    good: fleetText([two, document('Replication', 'r', 'physical: { primary: pg, standbys: [two] }')]),
  },
  {
    rule: 'unknown-database',
    what: 'a database that the cluster does not have',
    bad: fleetText([access('x', app.replace('database: app', 'database: ap'))]),
    under: 'ap',
    good: fleetText([access('x', app)]),
  },
  {
    rule: 'client-certificates',
    what: 'a login by certificate where they are turned off',
    bad: fleetText([access('x', 'database: app\nprivileges: none\ncredential: { certificate: {} }')], {
      postgres: postgres('tls: { clientCertificates: none }'),
    }),
    under: 'none',
    good: fleetText([access('x', 'database: app\nprivileges: none\ncredential: { certificate: {} }')], {
      postgres: postgres('tls: { clientCertificates: required }'),
    }),
  },
  {
    rule: 'managed-parameter',
    what: 'a parameter that follows from tls',
    bad: fleetText([], { postgres: postgres('parameters: { ssl: "off" }') }),
    under: 'ssl',
    good: fleetText([], { postgres: postgres('parameters: { work_mem: 8MB }') }),
  },
  {
    rule: 'replication-parameter',
    what: 'a WAL level without logical decoding',
    bad: fleetText([two, oneWay], { postgres: postgres('parameters: { wal_level: replica }') }),
    under: 'replica',
    good: fleetText([two, oneWay], { postgres: postgres('parameters: { wal_level: logical, max_wal_senders: "4" }') }),
  },
  {
    rule: 'threshold-too-high',
    what: 'more shares than holders',
    bad: clusterText([], { vault: vault('server: { site: here, keyShares: { threshold: 2, holders: [age1a] } }') }),
    under: '{ threshold: 2, holders: [age1a] }',
    good: clusterText(),
  },
  {
    rule: 'unused-source',
    what: 'a source that data does not use',
    bad: fleetText([
      keys,
      access('acc', app),
      consumer('c', copy('{ app: { path: apps/one }, db: { access: acc } }', '{ U: "{db.uri}" }')),
    ]),
    under: 'app',
    good: fleetText([access('acc', app), consumer('c', copy('{ db: { access: acc } }', '{ U: "{db.uri}" }'))]),
  },
  {
    rule: 'missing-key-of-type',
    what: 'a TLS copy without a certificate',
    bad: fleetText([consumer('c', 'secrets: [{ name: s, type: tls, from: { ca: { authority: ca } } }]')]),
    under: '{ name: s, type: tls, from: { ca: { authority: ca } } }',
    good: fleetText([
      tree('t', '[{ path: a, certificate: { hosts: [a.example] } }]'),
      consumer('c', 'secrets: [{ name: s, type: tls, from: { a: { path: a } } }]'),
    ]),
  },
  {
    rule: 'store-cannot',
    what: 'an encryption key in a file store',
    bad: fleetText([tree('t', '[{ path: a, encryptionKey: {} }]')]),
    under: '{ path: a, encryptionKey: {} }',
    good: clusterText([document('SecretTree', 't', 'store: vault\nentries: [{ path: a, encryptionKey: {} }]')]),
  },
  {
    rule: 'store-cannot',
    what: 'a consumer that would ask a file store itself',
    bad: fleetText([keys, consumer('c', 'reads: [{ path: apps/one }]')]),
    under: '{ path: apps/one }',
    good: fleetText([keys, consumer('c', copy('{ app: { path: apps/one } }'))]),
  },
  {
    rule: 'replaced-store',
    what: 'a document that names a replaced store',
    bad: clusterText(
      [
        document('SecretTree', 't', 'store: old\nentries: [{ path: a, keys: { k: { import: {} } } }]'),
        document('Store', 'old', 'file: { path: old, identityFile: o }'),
      ],
      {
        vault:
          vault('server: { site: here, keyShares: { threshold: 1, holders: [age1a] } }').trimEnd() +
          '\n  replaces: old\n',
      },
    ),
    under: 'a',
    good: clusterText(
      [
        document('SecretTree', 't', 'store: vault\nentries: [{ path: a, keys: { k: { import: {} } } }]'),
        document('Store', 'old', 'file: { path: old, identityFile: o }'),
      ],
      {
        vault:
          vault('server: { site: here, keyShares: { threshold: 1, holders: [age1a] } }').trimEnd() +
          '\n  replaces: old\n',
      },
    ),
  },
  {
    rule: 'alarm-before-renewal',
    what: 'an alarm that rings at every renewal',
    bad: clusterText([document('Monitoring', 'm', 'warn: { certificateExpiry: 11d }')]),
    under: '11d',
    good: clusterText([document('Monitoring', 'm', 'warn: { certificateExpiry: 10d }')]),
  },
  {
    rule: 'unknown-exception',
    what: 'an exception from a rule that is not there',
    bad: fleetText([], { postgres: postgres('allow: [{ rule: week-tls-mode, reason: r }]') }),
    under: 'week-tls-mode',
    good: fleetText([], { postgres: postgres('allow: [{ rule: weak-tls-mode, reason: r }]\ntls: { mode: prefer }') }),
  },
  {
    rule: 'expired-exception',
    what: 'an exception after its last day',
    bad: fleetText([], { postgres: postgres('allow: [{ rule: weak-tls-mode, reason: r, until: "2026-11-24" }]') }),
    under: '"2026-11-24"',
    good: fleetText([], { postgres: postgres('allow: [{ rule: weak-tls-mode, reason: r, until: "2026-11-25" }]') }),
  },
  {
    rule: 'one-key-unseals',
    what: 'a store that the key of the home alone unseals',
    bad: ownStore(''),
    under: 'server',
    good: ownStore(heldByPeople),
  },
];
