import {
  boolean,
  choice,
  integer,
  kind,
  list,
  map,
  object,
  optional,
  preset,
  reference,
  text,
  words,
  type Spec,
} from '../schema.ts';
import { keyReference, resources, storage, trust } from './fragments.ts';

const file = (description: string, example: string) => text(description, { format: 'file', fileOnly: true, example });
const mount = optional(text('Path where the method is mounted; default: the name of the method.', { format: 'path' }));

const login = choice('How Keywright itself logs in; default with `server`: made at bootstrap.', {
  appRole: object('By role id and secret id.', {
    roleIdFile: file('File with the role id.', 'role-id'),
    secretIdFile: file('File with the secret id.', 'secret-id'),
    mount,
  }),
  kubernetes: object('By its service-account token.', {
    role: text('Role in the store.', { format: 'line', example: 'keywright' }),
    mount,
  }),
  jwt: object('By a token.', {
    tokenFile: file('File with the token.', 'token'),
    role: text('Role in the store.', { format: 'line', example: 'keywright' }),
    mount,
  }),
  cert: object('By client certificate.', {
    certFile: file('File with the certificate.', 'tls.crt'),
    keyFile: file('File with its key.', 'tls.key'),
    mount,
  }),
  tokenFile: file('File with a token of the store; never a root token.', 'vault.token'),
});

const oidc = object('People log in through an OpenID Connect provider.', {
  issuer: text('Issuer.', { format: 'url', example: 'https://login.example' }),
  clientId: text('Client id of the store at the provider.', { format: 'line', example: 'vault' }),
  clientSecret: keyReference('Its client secret.'),
  groupsClaim: preset(text('Claim that holds the groups of a person.', { format: 'line' }), 'groups'),
});

const unseal = choice('How it unseals itself; default: the holders of key shares unseal it.', {
  awsKms: object('By a key of AWS KMS.', {
    region: text('Region of the key.', { format: 'line', example: 'eu-central-1' }),
    key: text('The key: id, ARN or alias.', { format: 'line', example: 'alias/vault-unseal' }),
  }),
  transit: object('By the transit engine of another store.', {
    address: text('Address of that store.', { format: 'url', example: 'https://unseal.example:8200' }),
    mount: text('Mount of its transit engine.', { format: 'path', example: 'transit' }),
    key: text('Name of the key.', { format: 'line', example: 'autounseal' }),
    tokenFile: file('File with the token for it.', 'unseal.token'),
  }),
});

const exposure = choice('How other sites reach it.', {
  internal: object('Only from its own cluster, or through a Link.', {}),
  loadBalancer: object('By a load balancer.', {
    internal: preset(boolean('Whether it has an address of the private network only.'), false),
  }),
  nodePort: object('By a port of each node.', { port: optional(integer('The port.', 30000, 32767)) }),
  ingress: object('By an ingress that passes TLS through.', {
    class: text('Class of the ingress.', { format: 'line', example: 'nginx' }),
  }),
  gateway: object('By a gateway that passes TLS through.', {
    name: text('Name of the Gateway.', { format: 'name', example: 'edge' }),
    namespace: text('Its namespace.', { format: 'name', example: 'gateways' }),
  }),
});

const server = object('Present: Keywright runs it.', {
  product: preset(words('Which product.', ['openbao', 'vault'] as const), 'openbao'),
  version: optional(
    text('Version; default: the newest that Keywright is tested with.', { format: 'line', example: '2.7.2' }),
  ),
  site: reference('Site', 'Site where it runs.'),
  namespace: preset(text('Namespace where it runs.', { format: 'name' }), 'vault'),
  replicas: preset(integer('Peers of its raft cluster; 1 only with an allow.', 1, 9), 3),
  storage: preset(storage('Storage of each peer.', '10Gi'), {}),
  resources: optional(resources),
  keyShares: optional(
    object(
      'One share for each holder: unseal keys, or recovery keys with `unseal`; default on a local site: one share, for the home of the fleet.',
      {
        threshold: preset(integer('How many shares unseal it.', 1, 255), 3),
        holders: list('Age recipients.', text('A recipient.', { format: 'recipient', example: 'age1…' })),
      },
    ),
  ),
  unseal: optional(unseal),
  exposure: preset(exposure, { internal: {} }),
  hosts: preset(
    list(
      'Its names outside, signed by `ca`; peers and names inside the cluster have a CA of the server.',
      text('A host name.', { format: 'host', example: 'vault.example.com' }),
      0,
    ),
    [],
  ),
  allowFrom: optional(
    list(
      'Who may connect: network policy and source ranges of the load balancer; default: every Site.',
      choice('A source.', {
        site: reference('Site', 'A site, by its `egressCidrs`.'),
        cidr: text('A network.', { format: 'cidr', example: '10.1.0.0/16' }),
      }),
    ),
  ),
  audit: preset(list('Audit devices; on before the first secret.', words('A device.', ['file', 'stdout'] as const)), [
    'file',
  ]),
});

const vault = object('HashiCorp Vault or OpenBao; the server says which.', {
  addresses: optional(
    list(
      'Addresses, tried in this order; not needed for a server on a local site.',
      text('An address.', { format: 'address', example: 'https://vault.example.com:8200' }),
    ),
  ),
  ca: optional(trust),
  namespace: optional(text('Namespace of Vault; default: none.', { format: 'path', example: 'team-a' })),
  mounts: preset(
    object('Where its engines are mounted.', {
      kv: preset(text('Mount of the key-value engine, version 2.', { format: 'path' }), 'secret'),
      database: preset(text('Mount of the database engine.', { format: 'path' }), 'database'),
      pki: preset(text('Mount of the PKI engine.', { format: 'path' }), 'pki'),
      transit: preset(text('Mount of the transit engine.', { format: 'path' }), 'transit'),
    }),
    {},
  ),
  login: optional(login),
  people: optional(object('How people log in.', { oidc })),
  server: optional(server),
});

const awsSecretsManager = object('AWS Secrets Manager.', {
  region: text('Region.', { format: 'line', example: 'eu-central-1' }),
  prefix: optional(text('Put before every path.', { format: 'path', example: 'prod/cnpg' })),
  replicas: preset(
    list('Regions that hold replicas.', text('A region.', { format: 'line', example: 'eu-west-1' }), 0),
    [],
  ),
  kmsKey: optional(
    text('Key that encrypts them; default: the one of the account.', { format: 'line', example: 'alias/secrets' }),
  ),
  tags: preset(map('Tags on each secret.', 'line', text('Value of the tag.', { example: 'platform' })), {}),
  alarms: optional(
    object('CloudWatch alarms on refused and unusual reads.', {
      snsTopic: text('Topic that is told.', {
        format: 'line',
        example: 'arn:aws:sns:eu-central-1:123456789012:secrets',
      }),
    }),
  ),
});

const ageFolder = object('A folder of age-encrypted shards, versioned, locked.', {
  path: text('The folder, from the folder of the fleet.', { format: 'folder', example: 'box' }),
  identityFile: file('File with the age identity; made when store and file are both absent.', '.keywright/key.txt'),
});

export const Store = kind(
  'Store',
  'stores',
  'Where secret material lives.',
  {
    vault: optional(vault),
    awsSecretsManager: optional(awsSecretsManager),
    file: optional(ageFolder),
    replaces: optional(
      reference(
        'Store',
        'The old Store: what it holds, declared or not, moves here without downtime; documents name the new one.',
      ),
    ),
  },
  [['vault', 'awsSecretsManager', 'file']],
);
export type Store = Spec<typeof Store>;
