import {
  choice,
  duration,
  integer,
  kind,
  list,
  map,
  object,
  optional,
  preset,
  reference,
  referenceByDefault,
  text,
  words,
  type Spec,
} from '../schema.ts';

const generate = choice('Made at random by Keywright.', {
  hex: integer('Random bytes, written in hexadecimal.', 8, 1024),
  base64: integer('Random bytes, written in base64.', 8, 1024),
  base64url: integer('Random bytes, written in base64url.', 8, 1024),
  password: integer('Random characters: letters and digits.', 12, 1024),
});

const imported = object(
  'Given from outside, never invented; with neither of these by `keywright secret put`.',
  {
    env: optional(text('From an environment variable.', { format: 'environmentVariable', example: 'STRIPE_KEY' })),
    file: optional(text('From a file.', { format: 'file', fileOnly: true, example: 'deploy_key' })),
  },
  [],
  [['env', 'file']],
);

const secretKey = object(
  'A key of the entry.',
  {
    generate: optional(generate),
    import: optional(imported),
    value: optional(
      text('What may be read by anybody; `{KEY}` is another key of this entry.', {
        placeholders: 'value',
        example: 'redis://:{password}@redis:6379',
      }),
    ),
    rotateEvery: optional(
      duration('How often it is replaced, or for an imported one when to remind; default: the one of the tree.'),
    ),
  },
  [['generate', 'import', 'value']],
);

const certificate = object('A certificate with its key: keys tls.crt, tls.key, ca.crt.', {
  authority: referenceByDefault('Authority', 'Authority that issues it.'),
  hosts: list('Names that it is valid for.', text('A host name.', { format: 'host', example: '*.dev.example' })),
  ttl: optional(duration('How long it is valid; default: the leaf of the authority.')),
});

const kubeconfig = object('A service account and its kubeconfig: keys kubeconfig, api-url, ca-cert, admin-token.', {
  site: reference('Site', 'The cluster.'),
  clusterRole: text('Cluster role that it is bound to.', { format: 'line', example: 'view' }),
});

const encryptionKey = object('A key of the transit engine: used, never read; its name is the path.', {
  type: preset(
    words('Its type.', [
      'aes128-gcm96',
      'aes256-gcm96',
      'chacha20-poly1305',
      'ed25519',
      'ecdsa-p256',
      'ecdsa-p384',
      'ecdsa-p521',
      'rsa-2048',
      'rsa-3072',
      'rsa-4096',
    ] as const),
    'aes256-gcm96',
  ),
});

const entry = object(
  'One entry of the store.',
  {
    path: text('Its path, after the one of the tree.', { format: 'path', example: 'user-service' }),
    keys: optional(map('Its keys.', 'key', secretKey)),
    certificate: optional(certificate),
    kubeconfig: optional(kubeconfig),
    encryptionKey: optional(encryptionKey),
    rotateEvery: optional(duration('How often a kubeconfig or an encryption key is replaced; default: 30d.')),
  },
  [['keys', 'certificate', 'kubeconfig', 'encryptionKey']],
);

export const SecretTree = kind('SecretTree', 'secrettrees', 'Secrets that are kept, made, imported or issued.', {
  store: referenceByDefault('Store', 'Store that holds them.'),
  path: optional(text('Put before the paths of the entries.', { format: 'path', example: 'apps/dev' })),
  rotateEvery: optional(duration('How often generated keys are replaced that say nothing themselves; default: never.')),
  entries: list('The entries.', entry),
});
export type SecretTree = Spec<typeof SecretTree>;
