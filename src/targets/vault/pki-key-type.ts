import type { PkiRoleSpec } from './pki-role.spec.ts';

/** A kind of key as the PKI engine names it. */
export function pkiKeyType(key: PkiRoleSpec['key']): { readonly key_type: 'ec' | 'rsa'; readonly key_bits: number } {
  return { key_type: key.startsWith('rsa') ? 'rsa' : 'ec', key_bits: Number(/\d+$/.exec(key)?.[0]) };
}
