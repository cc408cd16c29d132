import { join } from 'node:path';

/** Files of a login to a Vault that its clients are told about by their own variables, not by one with the content. */
const byVariable: ReadonlySet<string> = new Set(['addresses', 'namespace', 'ca.crt', 'tls.crt', 'tls.key']);

/**
 * What `env` holds for a login to a Vault or OpenBao: the variables that the clients of both read, which name the files of
 * one generation, and the other keys (`mount`, `role-id`, `secret-id`, `role`) under their own names.
 */
export function vaultVariables(texts: ReadonlyMap<string, string>, generationPath: string): Map<string, string> {
  const [address = ''] = (texts.get('addresses') ?? '').split(' ');
  const namespace = texts.get('namespace');
  const path = (name: string, file: string): [string, string][] =>
    texts.has(file) ? [[name, join(generationPath, file)]] : [];
  return new Map([
    ['VAULT_ADDR', address],
    ...(namespace === undefined ? [] : ([['VAULT_NAMESPACE', namespace]] as const)),
    ...path('VAULT_CACERT', 'ca.crt'),
    ...path('VAULT_CLIENT_CERT', 'tls.crt'),
    ...path('VAULT_CLIENT_KEY', 'tls.key'),
    ...[...texts].filter(([key]) => !byVariable.has(key)),
  ]);
}
