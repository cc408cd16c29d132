import { resolve } from 'node:path';
import type { TargetKind } from '../../engine/interfaces.ts';
import type { SecretBackend } from '../../stores/backend.ts';
import type { StoreTargetSpec } from './store.spec.ts';

/**
 * `store/<name>`: where secret material lies. Its session is the store itself, which is also what `context.store(name)`
 * gives. A store that is not there yet is made as soon as the run may create.
 */
export const storeTarget: TargetKind<SecretBackend, StoreTargetSpec> = {
  kind: 'store',
  async connect(target, context) {
    const { name, file } = target.spec;
    // Encryption takes a while to load, and not every command opens a store.
    const { openFileStore } = await import('../../stores/file/open.ts');
    return openFileStore({
      name,
      folder: resolve(context.folder, file.folder),
      identityFile: resolve(context.folder, file.identityFile),
      mayCreate: context.mayCreate,
      environment: context.environment,
      signal: context.signal,
    });
  },
  identity: (store) => store.identity(),
  close: (store) => store.close(),
};
