import { duration, kind, object, optional, preset, referenceByDefault, text, words, type Spec } from '../schema.ts';
import { keyAlgorithm } from './fragments.ts';

const key = (algorithm: string) => preset(keyAlgorithm, algorithm);

const pki = object('Its keys lie in the store, under its protection and its Backup.', {
  store: referenceByDefault('Store', 'Store that holds the keys.'),
  root: preset(
    object('The root.', { ttl: preset(duration('How long it is valid.'), '10y'), key: key('ecdsaP384') }),
    {},
  ),
  intermediate: preset(
    object('The intermediate, which signs the leaves.', {
      ttl: preset(duration('How long it is valid.'), '1y'),
      key: key('ecdsaP256'),
    }),
    {},
  ),
  subject: preset(
    object('Subject of the root.', {
      commonName: optional(
        text('Common name; default: the name of the document.', { format: 'line', example: 'infra' }),
      ),
      organization: optional(text('Organization.', { format: 'line', example: 'Example' })),
      country: optional(text('Country, two letters.', { format: 'country', example: 'US' })),
    }),
    {},
  ),
  overlap: preset(duration('How long old and new CA are both trusted, at least.'), '7d'),
});

const certManager = object('An issuer of cert-manager.', {
  site: referenceByDefault('Site', 'Site where cert-manager runs.'),
  issuer: text('Name of the issuer.', { format: 'name', example: 'letsencrypt-prod' }),
  kind: preset(words('Which kind of issuer.', ['ClusterIssuer', 'Issuer'] as const), 'ClusterIssuer'),
  namespace: optional(text('Namespace of an Issuer.', { format: 'name', example: 'databases' })),
});

export const Authority = kind(
  'Authority',
  'authorities',
  'A certificate authority and its trust bundle.',
  {
    pki: optional(pki),
    certManager: optional(certManager),
    leaf: preset(
      object('The certificates that it issues.', {
        ttl: preset(duration('How long they are valid.'), '30d'),
        renewBefore: optional(duration('How early they are replaced; default: a third of ttl.')),
        key: key('ecdsaP256'),
      }),
      {},
    ),
  },
  [['pki', 'certManager']],
);
export type Authority = Spec<typeof Authority>;
