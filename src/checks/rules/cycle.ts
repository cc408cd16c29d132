import type { SourcePointer } from '../../model/diagnostic.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import type { Facts } from '../facts.ts';
import { defineRule } from '../rule.ts';
import { readTemplate } from '../templates.ts';

interface Edge {
  readonly to: string;
  readonly why: string;
  readonly source: SourcePointer;
}

/** What has to be there before a thing can be made, each with the field that says so. */
type Graph = Map<string, Edge[]>;

export const cycle = defineRule({
  id: 'KW032',
  name: 'cycle',
  what: 'Things that are made wait for each other in a circle.',
  why: 'None of them can be made first.',
  example:
    'kind: Store\nmetadata: { name: main }\nspec: { vault: { ca: { authority: infra }, server: … } }\n---\nkind: Authority\nmetadata: { name: infra }\nspec: { pki: { store: main } }     # its keys lie in the store that waits for its certificate',
  remedy:
    'Take one of them from somewhere else: a store’s own certificate from an authority in another store, or cert-manager.',
  *check(facts, rule) {
    const graph = graphOf(facts);
    for (const circle of circlesIn(graph)) {
      const [first] = circle as [Edge, ...Edge[]];
      const names = circle.map(({ to }) => to);
      yield finding(rule, {
        message: `a circle: ${[names.at(-1), ...names].join(' → ')}`,
        source: first.source,
        object: names.at(-1)?.replace(/ .*/, ''),
        why: `${circle.map(({ why }) => why).join('; ')}. So none of them can be made first.`,
      });
    }
  },
});

function graphOf(facts: Facts): Graph {
  const graph: Graph = new Map();
  const add = (from: string, to: string, why: string, source: SourcePointer) => {
    graph.set(from, [...(graph.get(from) ?? []), { to, why, source }]);
  };
  const { fleet } = facts;
  for (const { name, document, spec, source } of fleet.stores.values()) {
    const authority = spec.vault?.ca?.authority;
    if (spec.vault?.server !== undefined && authority !== undefined) {
      add(
        document,
        `Authority/${authority}`,
        `${name} needs its certificate from ${authority}`,
        at(source, 'spec', 'vault', 'ca'),
      );
    }
    if (spec.vault?.server !== undefined) {
      const { site } = spec.vault.server;
      add(document, `Site/${site}`, `${name} runs on ${site}`, at(source, 'spec', 'vault', 'server', 'site'));
    }
    if (spec.replaces !== undefined) {
      add(document, `Store/${spec.replaces}`, `${name} replaces ${spec.replaces}`, at(source, 'spec', 'replaces'));
    }
  }
  for (const { name, document, spec, source } of fleet.authorities.values()) {
    if (spec.pki !== undefined) {
      add(
        document,
        `Store/${spec.pki.store}`,
        `the keys of ${name} lie in ${spec.pki.store}`,
        at(source, 'spec', 'pki'),
      );
    }
  }
  for (const { name, document, spec, source } of fleet.postgres.values()) {
    const { authority } = spec.tls;
    if (spec.external === undefined && authority !== undefined) {
      add(
        document,
        `Authority/${authority}`,
        `${name} needs its certificate from ${authority}`,
        at(source, 'spec', 'tls', 'authority'),
      );
    }
    if (spec.encryption !== undefined) {
      add(
        document,
        `Store/${spec.encryption.store}`,
        `${name} needs its principal key from ${spec.encryption.store}`,
        at(source, 'spec', 'encryption'),
      );
    }
  }
  addUses(facts, add);
  addEntries(facts, add);
  addValues(facts, add);
  return graph;
}

type Add = (from: string, to: string, why: string, source: SourcePointer) => void;

/** A site or a server that is reached with a key, before it can be reached. */
function addUses({ fleet, uses, entriesAt }: Facts, add: Add): void {
  for (const { how, object, store, path, source } of uses) {
    const first = /\/spec\/(external\/admin|kubernetes\/kubeconfig)$/.test(source.pointer);
    // With a context the first contact needs no stored kubeconfig.
    const [kind, name = ''] = object.split('/');
    const contact = kind === 'Site' && fleet.sites.get(name)?.spec.kubernetes?.context !== undefined;
    if (how === 'own' && first && !contact) {
      const entry = entriesAt(store, path).find(({ kind: made }) => made !== 'encryptionKey');
      const what = kind === 'Site' ? 'kubeconfig' : 'password';
      add(
        object,
        entry === undefined ? `Store/${store}` : nodeOf(entry),
        `the ${what} of ${name} lies at ${path} in ${store}`,
        source,
      );
    }
  }
}

function nodeOf(entry: { readonly object: string; readonly path: string }): string {
  return `${entry.object} (${entry.path})`;
}

/** What an entry needs before it can be made. */
function addEntries({ fleet, entries }: Facts, add: Add): void {
  for (const entry of entries) {
    const node = nodeOf(entry);
    if (entry.store !== undefined) {
      add(node, `Store/${entry.store}`, `${entry.path} lies in ${entry.store}`, entry.source);
    }
    const [kind, name = ''] = entry.object.split('/');
    const access = kind === 'DatabaseAccess' ? fleet.accesses.get(name) : undefined;
    if (access !== undefined) {
      const { postgres } = access.spec;
      add(
        node,
        `Postgres/${postgres}`,
        `${entry.path} is set by logging in to ${postgres}`,
        at(access.source, 'spec', 'postgres'),
      );
    }
    const tree = kind === 'SecretTree' ? fleet.secretTrees.get(name) : undefined;
    const index = Number(/\/entries\/(\d+)\//.exec(entry.source.pointer)?.[1]);
    const written = tree?.spec.entries[index];
    if (tree !== undefined && written?.kubeconfig !== undefined) {
      const { site } = written.kubeconfig;
      add(
        node,
        `Site/${site}`,
        `${entry.path} is made on ${site}`,
        at(tree.source, 'spec', 'entries', index, 'kubeconfig'),
      );
    }
    if (tree !== undefined && written?.certificate !== undefined) {
      const { authority } = written.certificate;
      add(
        node,
        `Authority/${authority}`,
        `${entry.path} is issued by ${authority}`,
        at(tree.source, 'spec', 'entries', index, 'certificate'),
      );
    }
  }
}

/** Values that are put together from each other. */
function addValues({ fleet }: Facts, add: Add): void {
  for (const tree of fleet.secretTrees.values()) {
    for (const [index, entry] of tree.spec.entries.entries()) {
      for (const [key, { value }] of Object.entries(entry.keys ?? {})) {
        for (const { key: used } of value === undefined ? [] : readTemplate(value, 'value').placeholders) {
          if (entry.keys?.[used]?.value !== undefined) {
            const node = (name: string) => `${tree.document} (${entry.path}#${name})`;
            add(
              node(key),
              node(used),
              `${key} is put together from ${used}`,
              at(tree.source, 'spec', 'entries', index, 'keys', key, 'value'),
            );
          }
        }
      }
    }
  }
}

/** Each circle once, as the edges that lead around it. */
function circlesIn(graph: Graph): Edge[][] {
  const done = new Set<string>();
  const circles: Edge[][] = [];
  const walk = (node: string, path: { node: string; edge: Edge }[]) => {
    const start = path.findIndex((step) => step.node === node);
    if (start !== -1) {
      circles.push(path.slice(start).map(({ edge }) => edge));
      return;
    }
    if (done.has(node)) {
      return;
    }
    for (const edge of graph.get(node) ?? []) {
      walk(edge.to, [...path, { node, edge }]);
    }
    done.add(node);
  };
  for (const node of [...graph.keys()].sort()) {
    walk(node, []);
  }
  return circles;
}
