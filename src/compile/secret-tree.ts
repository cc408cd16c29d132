import type { FleetDocument } from '../fleet/model.ts';
import { encryptionKeyName, entryPath } from '../fleet/names.ts';
import { parseTemplate, placeholdersOf } from '../model/template.ts';
import type { EncryptionKeyProbeSpec } from '../proofs/proofs.spec.ts';
import type { KeySource, SecretSpec } from '../targets/store/secret.spec.ts';
import type { EncryptionKeySpec } from '../targets/vault/encryption-key.spec.ts';
import { compileCertificate } from './authority.ts';
import type { Builder } from './builder.ts';
import { engineMount } from './engine-mount.ts';
import { encryptionKeyId, secretId } from './places.ts';

type Tree = FleetDocument<'SecretTree'>;
type Key = NonNullable<Tree['spec']['entries'][number]['keys']>[string];

export function compileSecretTree(builder: Builder, tree: Tree): void {
  const { store } = tree.spec;
  for (const entry of tree.spec.entries) {
    const path = entryPath(tree, entry);
    if (entry.keys !== undefined) {
      const keys = Object.fromEntries(Object.entries(entry.keys).map(([name, key]) => [name, sourceOf(key)]));
      const spec: SecretSpec = { store, path, keys, origin: { document: tree.document, entry: entry.path } };
      const id = builder.resource(tree, secretId(store, path), spec);
      builder.claim(tree, {
        kind: 'entry-complete',
        subject: id,
        sentence: `${path} holds every key that is declared`,
        group: store,
        restsOn: [id],
        spec: { entry: { store, path }, keys: Object.keys(entry.keys) },
      });
    } else if (entry.encryptionKey !== undefined) {
      compileEncryptionKey(builder, tree, path, entry.encryptionKey.type);
    } else if (entry.certificate !== undefined) {
      const { authority, hosts, ttl } = entry.certificate;
      compileCertificate(builder, tree, {
        authority,
        names: ['entry', store, path],
        usage: 'server',
        commonName: hosts[0] ?? path,
        hosts,
        ttl,
        store,
        path,
        origin: { document: tree.document, entry: entry.path },
      });
    }
  }
}

/** A key of the store's transit engine. A store that has none is refused by the checks. */
function compileEncryptionKey(builder: Builder, tree: Tree, path: string, type: string): void {
  const store = builder.fleet.stores.get(tree.spec.store);
  if (store?.spec.vault === undefined) {
    return;
  }
  const mount = engineMount(builder, store, 'transit');
  const name = encryptionKeyName(path);
  const spec: EncryptionKeySpec = { mount: mount.path, name, path, type };
  const id = builder.resource(tree, encryptionKeyId(store.name, mount.path, name), spec, { dependsOn: [mount.id] });
  const probe: EncryptionKeyProbeSpec = { store: store.name, mount: mount.path, name };
  builder.claim(tree, {
    kind: 'encryption-key-works',
    subject: id,
    sentence: `the key ${path} can be used, and cannot be taken out of ${store.name}`,
    group: store.name,
    restsOn: [mount.id, id],
    spec: probe,
  });
}

function sourceOf(key: Key): KeySource {
  if (key.generate !== undefined) {
    return { generate: key.generate } as KeySource;
  }
  if (key.import !== undefined) {
    return { import: key.import };
  }
  const text = key.value ?? '';
  // A text with braces is filled in even when it names no key: doubled braces stand for single ones.
  return placeholdersOf(parseTemplate(text)).length > 0 || /[{}]/.test(text) ? { template: text } : { value: text };
}
