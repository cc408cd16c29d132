import { boolean, kind, list, object, optional, preset, reference, text, type Spec } from '../schema.ts';

const flow = object('One direction of rows; two ways are two flows, and a table flows one way only.', {
  from: reference('Postgres', 'Where the rows are written.'),
  to: list('Where they are copied to.', reference('Postgres', 'A PostgreSQL cluster.')),
  tables: list(
    'Tables, with the schema in front unless it is public.',
    text('A table.', { format: 'table', example: 'orders' }),
  ),
  publication: optional(
    text('Name of the publication; default: NAME_FROM.', { format: 'identifier', example: 'site_a_pub' }),
  ),
  copy: preset(boolean('Whether rows that are there already are copied at first.'), true),
});

export const Replication = kind(
  'Replication',
  'replications',
  'Copies rows, or whole servers, from one PostgreSQL cluster to others.',
  {
    logical: optional(
      object('Logical replication of tables.', {
        database: text('Database on each side.', { format: 'identifier', example: 'orders' }),
        flows: list('The flows.', flow),
      }),
    ),
    physical: optional(
      object('Physical replication of a whole cluster.', {
        primary: reference('Postgres', 'The primary.'),
        standbys: list('The standbys.', reference('Postgres', 'A PostgreSQL cluster.')),
      }),
    ),
    link: optional(reference('Link', 'Link that it goes through; default: reached directly.')),
  },
  [['logical', 'physical']],
);
export type Replication = Spec<typeof Replication>;
