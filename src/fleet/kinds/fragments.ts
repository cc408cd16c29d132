import {
  boolean,
  choice,
  integer,
  map,
  object,
  optional,
  preset,
  reference,
  referenceByDefault,
  text,
  words,
} from '../schema.ts';

/** Shapes that several kinds share. */

/** A reference to one key of an entry: where a secret lies, never the secret. */
export function keyReference(description: string) {
  return object(description, {
    store: referenceByDefault('Store', 'Store that holds it.'),
    path: text('Path of the entry.', { format: 'path', example: 'ci-cd/github' }),
    key: text('Key in the entry.', { format: 'key', example: 'token' }),
  });
}

export function storage(description: string, size: string) {
  return object(description, {
    size: preset(text('Size, in the way Kubernetes writes it.', { example: '10Gi' }), size),
    class: optional(text('Storage class; default: the one of the cluster.', { example: 'gp3' })),
  });
}

const quantities = (description: string) =>
  map(description, 'line', text('Quantity, for example 500m or 1Gi; numbers are quoted.', { example: '500m' }));

export const resources = object('Requests and limits, as in a pod.', {
  requests: optional(quantities('What it is given at least.')),
  limits: optional(quantities('What it is given at most.')),
});

export const keyAlgorithm = words('Algorithm and size of the private key.', [
  'ecdsaP256',
  'ecdsaP384',
  'rsa2048',
  'rsa3072',
  'rsa4096',
] as const);

export const port = (description: string) => integer(description, 1, 65535);

/** Who signed a certificate that is to be verified. */
export const trust = choice('Who signed its certificate; default: the roots of the system.', {
  authority: reference('Authority', 'An Authority of the fleet.'),
  file: text('A file with the certificates, PEM.', { format: 'line', fileOnly: true, example: 'ca.pem' }),
  pem: text('The certificates themselves, PEM.'),
});

const operator = (description: string, namespace: string, version?: string) => {
  const number = text('Version that is installed; default: the newest that is tested.', { example: '2.9.0' });
  return object(description, {
    install: preset(boolean('Whether Keywright installs it; otherwise it is there already.'), false),
    namespace: preset(text('Namespace of the operator.', { format: 'name' }), namespace),
    version: version === undefined ? optional(number) : optional({ ...number, example: version }),
  });
};

/** How secrets reach pods: of a Site, and of a Consumer that differs from it. */
export const delivery = (description: string) =>
  choice(description, {
    direct: object('Keywright writes the Secrets.', {}),
    externalSecrets: operator('The External Secrets Operator writes them.', 'external-secrets', '2.9.0'),
    vaultSecretsOperator: operator('The Vault Secrets Operator writes them.', 'vault-secrets-operator-system'),
    secretsStoreCsi: operator('The Secrets Store CSI driver mounts them into the pods that use them.', 'kube-system'),
  });
