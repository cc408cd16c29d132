import {
  boolean,
  choice,
  duration,
  kind,
  list,
  map,
  object,
  optional,
  preset,
  reference,
  referenceByDefault,
  referenceWhereNeeded,
  text,
  words,
  type Spec,
} from '../schema.ts';
import { delivery } from './fragments.ts';

const source = object(
  'Where its keys come from.',
  {
    store: referenceWhereNeeded('Store', 'Store of the path.', ['access', 'authority']),
    path: optional(text('An entry of the store.', { format: 'path', example: 'apps/dev/user-service' })),
    access: optional(
      reference(
        'DatabaseAccess',
        'An access: keys username password host port database uri jdbc-uri ca.crt, with a certificate tls.crt tls.key, as seen from this site.',
      ),
    ),
    authority: optional(reference('Authority', 'A trust bundle: key ca.crt.')),
  },
  [['path', 'access', 'authority']],
);

const secret = object('One delivered copy.', {
  name: text('Name of the Secret, or of the folder.', { format: 'name', example: 'user-service' }),
  type: preset(
    words('Which keys it has to have.', [
      'opaque',
      'basicAuth',
      'tls',
      'dockerRegistry',
      'argoCdRepository',
      'argoCdCluster',
    ] as const),
    'opaque',
  ),
  pkcs12: preset(boolean('Whether a keystore stands beside the PEM files.'), false),
  labels: preset(map('Labels of the Secret.', 'line', text('Value of the label.')), {}),
  from: map('Its sources, each under an alias.', 'alias', source),
  data: optional(
    map(
      'Its keys; default: every key of every source. `{alias.key}` is a key of a source, `{alias.key:base64}` and `:json` encode it; parts of a URL are encoded.',
      'key',
      text('Its value.', { placeholders: 'data', example: '{db.uri}' }),
    ),
  ),
});

const read = object(
  'What it may read by itself.',
  {
    store: referenceWhereNeeded('Store', 'Store of the path or encryption key.', ['access']),
    path: optional(text('A path; ** is a subtree.', { format: 'pathPattern', example: 'ci-cd/github' })),
    access: optional(reference('DatabaseAccess', 'An access.')),
    encryptionKey: optional(text('A key of the transit engine.', { format: 'path', example: 'platform' })),
  },
  [['path', 'access', 'encryptionKey']],
);

const write = object('What it may write by itself.', {
  store: referenceByDefault('Store', 'Store of the path.'),
  path: text('A path; ** is a subtree.', { format: 'pathPattern', example: 'infrastructure/**' }),
});

const onChange = choice('What happens when a delivered copy changes; default: it rereads by itself.', {
  restart: list(
    'Workloads that are restarted.',
    text('KIND/NAME.', { format: 'workload', example: 'deployment/user-service' }),
  ),
  command: list('Command that runs, without a shell.', text('An argument.', { example: 'systemctl' })),
  signal: object('A signal to a process.', {
    pidFile: text('File with its process id.', { format: 'file', example: 'run/app.pid' }),
    name: words('The signal.', ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM', 'SIGINT', 'SIGQUIT'] as const),
  }),
});

export const Consumer = kind(
  'Consumer',
  'consumers',
  'Who uses secrets: identity, what is delivered, what it may ask for. Nothing else grants. Its name is also the name of its policy and role in the store.',
  {
    serviceAccounts: optional(
      list(
        'Its service accounts, made when absent; the first one fetches what is delivered.',
        text('A service account.', { format: 'name', example: 'user-service' }),
      ),
    ),
    directory: optional(
      object('A folder on a local site, laid out as a Kubernetes volume.', {
        name: text('Name of the folder.', { format: 'name', example: 'user-service' }),
        user: optional(text('Account that reads it, when started by root.', { format: 'account', example: 'orders' })),
      }),
    ),
    group: optional(text('People, by the groups claim.', { format: 'line', example: 'platform' })),
    site: referenceWhereNeeded('Site', 'Site where it runs; not with group.', ['group']),
    namespace: optional(text('Namespace; default: the one of the site.', { format: 'name', example: 'default' })),
    secrets: preset(list('Delivered copies.', secret, 0), []),
    reads: preset(list('What it reads from the store itself.', read, 0), []),
    writes: preset(list('What it writes into the store itself.', write, 0), []),
    wrap: optional(duration('Answers come only response-wrapped, valid for so long; default: off.')),
    tokenTtl: preset(duration('How long its token of the store is valid.'), '1h'),
    delivery: optional(delivery('How its secrets reach it; default: as the site says.')),
    onChange: optional(onChange),
  },
  [['serviceAccounts', 'directory', 'group']],
);
export type Consumer = Spec<typeof Consumer>;
