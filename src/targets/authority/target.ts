import type { TargetKind } from '../../engine/interfaces.ts';
import { notYet, present } from '../../model/answer.ts';
import { Failure } from '../../model/failure.ts';
import type { SecretBackend } from '../../stores/backend.ts';
import { vaultClientOf } from '../../stores/vault/client-of.ts';
import type { AuthorityTargetSpec } from './authority.spec.ts';
import { ownKeys } from './signer.ts';
import type { Signer } from './signer.ts';

/** An authority, opened: the store that holds its keys, and where in it. */
export interface AuthoritySession {
  readonly name: string;
  readonly store: string;
  /** Folder of its entries. */
  readonly path: string;
  readonly backend: SecretBackend;
  readonly signer: Signer;
}

/** `authority/<name>`: a certificate authority whose keys lie in a store. Its identity is that of the store. */
export const authorityTarget: TargetKind<AuthoritySession, AuthorityTargetSpec> = {
  kind: 'authority',
  async connect(target, context) {
    const { name, store, path } = target.spec;
    try {
      const backend = await context.store(store);
      return present({ name, store, path, backend, signer: await signerOf(target.spec, backend) });
    } catch (error) {
      if (isStoreNotMade(error)) {
        return notYet((error as Failure).message, (error as { exists?: boolean }).exists === true);
      }
      throw error;
    }
  },
  identity: ({ backend }) => backend.identity(),
  place: ({ spec }) => spec.store,
  close: async () => {},
};

async function signerOf({ name, store, pki }: AuthorityTargetSpec, backend: SecretBackend): Promise<Signer> {
  if (pki === undefined) {
    return ownKeys;
  }
  const { PkiEngine } = await import('../vault/pki-engine.ts');
  const { EngineSigner } = await import('./engine-signer.ts');
  return new EngineSigner(name, new PkiEngine(vaultClientOf(backend, store), pki.mount));
}

/** The store is one that an apply will make: what it would hold is not there yet. */
export function isStoreNotMade(error: unknown): boolean {
  return error instanceof Failure && error.code === 'store-not-made';
}
