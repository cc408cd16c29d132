import { choice, kind, list, object, optional, reference, referenceByDefault, text, type Spec } from '../schema.ts';

const subjects = (description: string) =>
  list(
    description,
    choice('Who.', {
      site: reference('Site', 'Whatever runs on a site.'),
      consumer: reference('Consumer', 'A consumer.'),
      group: text('People, by the groups claim.', { format: 'line', example: 'platform' }),
    }),
  );

export const Rule = kind(
  'Rule',
  'rules',
  'Who may reach what; checked offline, proven live. Keywright itself and key holders are exempt.',
  {
    secrets: optional(
      object('Secrets in a store.', {
        store: referenceByDefault('Store', 'The store.'),
        path: text('A path; ** is a subtree.', { format: 'pathPattern', example: 'apps/production/**' }),
      }),
    ),
    database: optional(
      object('A database.', {
        postgres: reference('Postgres', 'The PostgreSQL cluster.'),
        name: text('The database.', { format: 'identifier', example: 'orders' }),
        tables: optional(list('Only these tables.', text('A table.', { format: 'table', example: 'invoices' }))),
      }),
    ),
    copies: optional(
      object('Delivered copies.', {
        site: referenceByDefault('Site', 'Site where they lie.'),
        namespace: optional(text('Namespace where they lie.', { format: 'name', example: 'payments' })),
      }),
    ),
    onlyBy: optional(subjects('Nobody else may reach it.')),
    neverBy: optional(subjects('They may not reach it.')),
  },
  [
    ['secrets', 'database', 'copies'],
    ['onlyBy', 'neverBy'],
  ],
);
export type Rule = Spec<typeof Rule>;
