import { choice, kind, list, object, optional, preset, reference, text, words, type Spec } from '../schema.ts';
import { delivery, keyReference } from './fragments.ts';

const mount = object('', {
  mount: optional(text('Path where the method is mounted; default: METHOD-SITE.', { format: 'path' })),
});
const method = (description: string) => ({ ...mount, description });

const eks = object('Amazon EKS: how its pods get an identity of AWS.', {
  cluster: text('Name of the cluster.', { format: 'line', example: 'prod' }),
  account: text('Number of the account, quoted.', { format: 'line', example: '123456789012' }),
  region: text('Region of the cluster.', { format: 'line', example: 'eu-central-1' }),
  identity: preset(words('How a service account gets a role.', ['irsa', 'podIdentity'] as const), 'irsa'),
});

const argoCd = object(
  'Manifests go into this repository and Argo CD applies them; default: they are applied server-side by Keywright.',
  {
    site: reference('Site', 'Site where Argo CD runs.'),
    namespace: preset(text('Namespace of Argo CD.', { format: 'name' }), 'argocd'),
    project: preset(text('Project of Argo CD.', { format: 'name' }), 'default'),
    repository: text('Repository of the manifests.', { format: 'line', example: 'https://git.example/fleet.git' }),
    path: text('Folder in the repository.', { format: 'path', example: 'clusters/a' }),
  },
);

const kubernetes = object('A Kubernetes cluster.', {
  context: optional(
    text('Context of the kubeconfig, for the command line and first contact; default: the current one.', {
      format: 'line',
      fileOnly: true,
      example: 'site-a',
    }),
  ),
  kubeconfig: optional(keyReference('Kubeconfig for the controller; default: the cluster that it runs in.')),
  namespace: preset(text('Where a document of this site goes that names no namespace.', { format: 'name' }), 'default'),
  apiServer: optional(
    text('Its API server as other sites reach it; default: from the kubeconfig.', {
      format: 'url',
      example: 'https://api.site-a.example:6443',
    }),
  ),
  issuer: optional(
    text('Issuer of its service-account tokens; default: asked of the cluster.', {
      format: 'url',
      example: 'https://oidc.site-a.example',
    }),
  ),
  domain: preset(text('Domain of its services.', { format: 'host' }), 'cluster.local'),
  egressCidrs: preset(
    list(
      'Where the traffic of its pods comes from; feeds `allowFrom`.',
      text('A network.', { format: 'cidr', example: '10.1.0.0/16' }),
      0,
    ),
    [],
  ),
  eks: optional(eks),
  argoCd: optional(argoCd),
});

const local = object('Processes and files on this machine; delivery is by files.', {
  directory: text('Folder of the site, from the folder of the fleet.', { format: 'folder', example: '.keywright/a' }),
  user: optional(
    text('Account of its servers, when started by root; default: postgres, else nobody.', {
      format: 'account',
      example: 'postgres',
    }),
  ),
});

export const Site = kind(
  'Site',
  'sites',
  'Where things run.',
  {
    kubernetes: optional(kubernetes),
    local: optional(local),
    delivery: preset(delivery('How secrets reach pods.'), { direct: {} }),
    storeLogin: optional(
      choice('How its pods log in to a Vault; default: kubernetes, on a local site appRole.', {
        kubernetes: method('By their service-account token, reviewed by the cluster.'),
        jwt: method('By their service-account token, verified by its signature.'),
        appRole: method('By role id and secret id.'),
        cert: method('By client certificate.'),
      }),
    ),
  },
  [['kubernetes', 'local']],
);
export type Site = Spec<typeof Site>;
