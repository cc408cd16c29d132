import { resolve } from 'node:path';
import type { RunContext, TargetKind } from '../../engine/interfaces.ts';
import type { Answer } from '../../model/answer.ts';
import { Failure } from '../../model/failure.ts';
import type { SecretBackend } from '../../stores/backend.ts';
import type { StoreTargetSpec } from './store.spec.ts';

/**
 * `store/<name>`: where secret material lies. Its session is the store itself, which is also what `context.store(name)`
 * gives. A store that is not there yet is made as soon as the run may create. Clients are loaded by the stores that need
 * them: encryption and TLS take a while, and not every command opens a store.
 */
export const storeTarget: TargetKind<SecretBackend, StoreTargetSpec> = {
  kind: 'store',
  async connect({ spec }, context) {
    if (spec.vault !== undefined) {
      const { openVaultStore } = await import('./open-vault.ts');
      return openVaultStore(spec.name, spec.vault, context);
    }
    return openFolder(spec, context);
  },
  identity: (store) => store.identity(),
  close: (store) => store.close(),
};

async function openFolder({ name, file }: StoreTargetSpec, context: RunContext): Promise<Answer<SecretBackend>> {
  if (file === undefined) {
    throw new Failure({
      code: 'not-supported-yet',
      message: `store ${name} is of a kind that cannot be opened yet`,
      object: `store/${name}`,
    });
  }
  const { openFileStore } = await import('../../stores/file/open.ts');
  return openFileStore({
    name,
    folder: resolve(context.folder, file.folder),
    identityFile: resolve(context.folder, file.identityFile),
    mayCreate: context.mayCreate,
    environment: context.environment,
    signal: context.signal,
  });
}
