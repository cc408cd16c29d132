import type { FleetDocument } from '../fleet/model.ts';
import type { StoreTargetSpec } from '../targets/store/store.spec.ts';
import type { Builder } from './builder.ts';
import { storeTargetId } from './places.ts';

/** A Store is a target: what it holds comes from the documents that put something into it. */
export function compileStore(builder: Builder, store: FleetDocument<'Store'>): void {
  const { file } = store.spec;
  if (file === undefined) {
    return;
  }
  const spec: StoreTargetSpec = { name: store.name, file: { folder: file.path, identityFile: file.identityFile } };
  builder.target(storeTargetId(store.name), 'store', spec);
  builder.claim(store, {
    kind: 'store-sealed',
    sentence: `${store.name} holds only encrypted files, and its key can be read by its owner alone`,
    group: store.name,
    restsOn: [],
    spec: { folder: file.path, identityFile: file.identityFile },
  });
}
