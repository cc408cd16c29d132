import { choice, duration, kind, list, object, optional, preset, reference, text, type Spec } from '../schema.ts';
import { keyReference } from './fragments.ts';

const s3 = object('A bucket; without keys: the cloud identity of the service account.', {
  bucket: text('Name of the bucket.', { format: 'line', example: 'backups' }),
  region: text('Its region.', { format: 'line', example: 'eu-central-1' }),
  prefix: optional(text('Put before each object.', { format: 'path', example: 'orders' })),
  endpoint: optional(text('Endpoint, of stores other than AWS.', { format: 'url', example: 'https://s3.example' })),
  accessKeyId: optional(keyReference('Its access key id.')),
  secretAccessKey: optional(keyReference('Its secret access key.')),
});

export const Backup = kind(
  'Backup',
  'backups',
  'Backups of a store, or base backups and WAL of a PostgreSQL cluster, proven by restoring them.',
  {
    store: optional(reference('Store', 'A store.')),
    postgres: optional(reference('Postgres', 'A PostgreSQL cluster.')),
    schedule: text('When, as in cron, in UTC, with jitter.', { format: 'schedule', example: '0 2 * * *' }),
    to: choice('Where they go.', {
      s3,
      directory: text('A folder, from the folder of the fleet.', { format: 'folder', example: 'backup' }),
    }),
    retain: preset(duration('How long they are kept; never fewer than one proven backup.'), '30d'),
    encryptTo: optional(
      list('Age recipients; required for a store.', text('A recipient.', { format: 'recipient', example: 'age1…' })),
    ),
    restoreTest: preset(duration('How often one is restored into a scratch server.'), '7d'),
  },
  [['store', 'postgres']],
);
export type Backup = Spec<typeof Backup>;
