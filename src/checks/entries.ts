import type { SourcePointer } from '../model/diagnostic.ts';
import type { Fleet, LoadResult } from '../fleet/model.ts';
import { accessPath, entryPath, strategy } from '../fleet/names.ts';
import { at } from '../fleet/pointer.ts';

/** What makes an entry of a store. */
export type EntryKind =
  | 'keys'
  | 'certificate'
  | 'kubeconfig'
  | 'encryptionKey'
  | 'static'
  | 'dynamic'
  | 'access'
  | 'link';

/** One entry that the fleet makes in a store. */
export interface Entry {
  readonly kind: EntryKind;
  /** Undefined in a document with a mistake in just that field: then it stands for every store. */
  readonly store: string | undefined;
  readonly path: string;
  /** Its keys; undefined when they are not known. */
  readonly keys: ReadonlySet<string> | undefined;
  /** `Kind/name` of the document that makes it, and where. */
  readonly object: string;
  readonly source: SourcePointer;
}

const connectionKeys = ['username', 'host', 'hostaddr', 'port', 'database', 'uri', 'jdbc-uri', 'ca.crt'];

/** Keys that an access has for whoever it is delivered to. */
export function accessKeys(access: {
  readonly spec: { readonly credential: { readonly certificate?: unknown } };
}): Set<string> {
  const own = access.spec.credential.certificate === undefined ? ['password'] : ['tls.crt', 'tls.key'];
  return new Set([...connectionKeys, ...own]);
}

/** Every entry that the fleet makes, those of documents with mistakes in other places included. */
export function entriesOf(fleet: Fleet, broken: LoadResult['broken']): Entry[] {
  const entries: Entry[] = [];
  for (const tree of fleet.secretTrees.values()) {
    for (const [index, entry] of tree.spec.entries.entries()) {
      entries.push({
        kind: entryKind(entry),
        store: tree.spec.store,
        path: entryPath(tree, entry),
        keys: keysOf(entry),
        object: tree.document,
        source: at(tree.source, 'spec', 'entries', index, 'path'),
      });
    }
  }
  for (const access of fleet.accesses.values()) {
    const how = strategy(access);
    entries.push({
      kind: how === 'dynamic' ? 'dynamic' : how === 'certificate' ? 'access' : 'static',
      store: access.spec.store,
      path: accessPath(access),
      keys: accessKeys(access),
      object: access.document,
      source:
        access.spec.path === undefined ? at(access.source, 'metadata', 'name') : at(access.source, 'spec', 'path'),
    });
  }
  for (const link of fleet.links.values()) {
    if (link.spec.skupper !== undefined) {
      entries.push({
        kind: 'link',
        store: link.spec.skupper.store,
        path: link.spec.skupper.path ?? `links/${link.name}`,
        keys: undefined,
        object: link.document,
        source: at(link.source, 'spec', 'skupper'),
      });
    }
  }
  return [...entries, ...entriesOfBroken(broken)];
}

type TreeEntry = NonNullable<ReturnType<Fleet['secretTrees']['get']>>['spec']['entries'][number];

function entryKind(entry: TreeEntry): EntryKind {
  return entry.certificate !== undefined
    ? 'certificate'
    : entry.kubeconfig !== undefined
      ? 'kubeconfig'
      : entry.encryptionKey !== undefined
        ? 'encryptionKey'
        : 'keys';
}

function keysOf(entry: TreeEntry): ReadonlySet<string> {
  return entry.certificate !== undefined
    ? new Set(['tls.crt', 'tls.key', 'ca.crt'])
    : entry.kubeconfig !== undefined
      ? new Set(['kubeconfig', 'api-url', 'ca-cert', 'admin-token'])
      : new Set(Object.keys(entry.keys ?? {}));
}

/** From documents with mistakes: paths as far as they could be read, so that nobody who reads them is blamed. */
function entriesOfBroken(broken: LoadResult['broken']): Entry[] {
  const entries: Entry[] = [];
  const source = { file: '', document: 0, pointer: '' };
  for (const [object, spec] of broken) {
    const [kind, name] = object.split('/');
    const written = (spec ?? {}) as { path?: string; store?: string; postgres?: string; entries?: { path?: string }[] };
    const base = { keys: undefined, object, source, store: written.store };
    if (kind === 'SecretTree') {
      for (const entry of written.entries ?? []) {
        if (entry.path !== undefined) {
          const path = written.path === undefined ? entry.path : `${written.path}/${entry.path}`;
          entries.push({ ...base, kind: 'keys', path });
        }
      }
    } else if (kind === 'DatabaseAccess') {
      entries.push({ ...base, kind: 'access', path: written.path ?? `databases/${written.postgres ?? '?'}/${name}` });
    }
  }
  return entries;
}
