import { atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const noDynamicReadThroughKv = defineRule({
  id: 'KW031',
  name: 'no-dynamic-read-through-kv',
  what: 'A consumer reads a dynamic credential through a path, as if it were a kept secret.',
  why: 'Each read of a database engine issues a new user, so every refresh would change the username and leave the old lease to run out.',
  example: 'secrets:\n- name: orders-db\n  from:\n    db: { path: database/creds/orders-app }',
  remedy:
    'Name the access: `db: { access: orders-app }`. Then username and password come from one lease, which is renewed.',
  *check({ fleet, uses, entriesAt }, rule) {
    for (const { how, store, path, consumer, object, source } of uses) {
      const mount = fleet.stores.get(store)?.spec.vault?.mounts.database;
      const mounted = mount !== undefined && path.startsWith(`${mount}/`);
      const entry = entriesAt(store, path).find(({ kind }) => kind === 'dynamic');
      if ((how !== 'copy' && how !== 'read') || (!mounted && entry === undefined)) {
        continue;
      }
      const role = /^.*\/creds\/([^/]+)$/.exec(path)?.[1];
      const access = entry?.object.split('/')[1] ?? (role !== undefined && fleet.accesses.has(role) ? role : undefined);
      const storeDocument = fleet.stores.get(store);
      yield finding(rule, {
        message: `consumer ${consumer?.name} reads a dynamic credential through a KV path`,
        source,
        object,
        why: mounted
          ? `\`${mount}/\` is a database engine: each read issues a new user, so every refresh would change the username and leave the old lease to run out.`
          : `\`${path}\` holds the credential of ${entry?.object}, which is issued for a while: a plain copy keeps a login that has ended.`,
        ...(mounted && storeDocument !== undefined
          ? {
              related: {
                message: 'The engine is mounted here',
                source: atKey(storeDocument.source, 'spec', 'vault', 'mounts', 'database'),
              },
            }
          : {}),
        remedy: `Use \`access: ${access ?? 'NAME'}\` instead of the path.`,
      });
    }
  },
});
