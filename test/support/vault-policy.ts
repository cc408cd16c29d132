import { readFile } from 'node:fs/promises';

/** What Keywright's own login needs in a Vault that somebody else runs: exactly the rules that docs/vault-store.md shows. */
export async function documentedPolicy(): Promise<string> {
  const text = await readFile(new URL('../../docs/vault-store.md', import.meta.url), 'utf8');
  return [...text.matchAll(/```hcl\n([^`]*)```/g)].map(([, rules]) => rules).join('\n');
}
