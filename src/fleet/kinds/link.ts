import {
  duration,
  kind,
  list,
  object,
  optional,
  preset,
  reference,
  referenceByDefault,
  text,
  words,
  type Spec,
} from '../schema.ts';
import { port } from './fragments.ts';

const end = {
  site: reference('Site', 'Its site.'),
  namespace: optional(text('Its namespace; default: the one of the site.', { format: 'name', example: 'rhsi' })),
  name: optional(
    text('Name of the Skupper Site; default: the one of the site.', { format: 'name', example: 'primary' }),
  ),
};

const skupper = object('A Skupper link.', {
  accepting: object('The side that is connected to.', end),
  dialing: object('The side that connects.', {
    ...end,
    serviceAccount: optional(
      text('Account that fetches the token; default: made.', { format: 'name', example: 'reader' }),
    ),
  }),
  store: referenceByDefault('Store', 'Store through which the token travels.'),
  path: optional(text('Path of the token; default: links/NAME.', { format: 'path', example: 'links/a-b' })),
  ttl: preset(duration('How long a grant is valid, which one site can redeem once.'), '1h'),
  rotateEvery: preset(duration('How often the link is made anew.'), '7d'),
});

const clusterMesh = object('A Cilium cluster mesh.', {
  sites: list('Its sites.', reference('Site', 'A site.'), 2),
  encryption: preset(words('How traffic is encrypted.', ['wireGuard', 'ipsec'] as const), 'wireGuard'),
});

const exposed = object(
  'What can be reached through it.',
  {
    postgres: optional(reference('Postgres', 'A PostgreSQL cluster.')),
    store: optional(reference('Store', 'A store.')),
    service: optional(
      object('Any service.', {
        site: referenceByDefault('Site', 'Its site.'),
        namespace: optional(
          text('Its namespace; default: the one of the site.', { format: 'name', example: 'shared-services' }),
        ),
        name: text('Its name.', { format: 'name', example: 'kafka-0' }),
        port: port('Its port.'),
      }),
    ),
    as: optional(
      text('Host name in the namespace of the link; default: the name.', { format: 'name', example: 'pg-site-a' }),
    ),
    port: optional(port('Port there; default: the one of what is exposed.')),
  },
  [['postgres', 'store', 'service']],
);

export const Link = kind(
  'Link',
  'links',
  'A private way between sites.',
  {
    skupper: optional(skupper),
    clusterMesh: optional(clusterMesh),
    exposes: list('What can be reached through it.', exposed),
  },
  [['skupper', 'clusterMesh']],
);
export type Link = Spec<typeof Link>;
