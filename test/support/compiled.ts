import { assembleFleet } from '../../src/fleet/load.ts';
import { compileFleet } from '../../src/compile/compile-fleet.ts';
import type { CompiledFleet } from '../../src/model/compiled.ts';
import type { Resource } from '../../src/model/resource.ts';

const header = 'apiVersion: keywright.dev/v1alpha1\n';

/** A fleet on one machine: store box, authority local, site here, server db with database shop. */
export const base: readonly string[] = [
  'kind: Fleet\nmetadata: { name: f }\nspec: {}',
  'kind: Site\nmetadata: { name: here }\nspec: { local: { directory: .keywright/here } }',
  'kind: Store\nmetadata: { name: box }\nspec: { file: { path: box, identityFile: .keywright/key.txt } }',
  'kind: Authority\nmetadata: { name: local }\nspec: { pki: { root: { ttl: 10y }, intermediate: { ttl: 1y } } }',
  'kind: Postgres\nmetadata: { name: db }\nspec: { version: 18, process: {}, databases: [{ name: shop }] }',
];

export function access(name: string, rest: string): string {
  return `kind: DatabaseAccess\nmetadata: { name: ${name} }\nspec: { postgres: db, ${rest} }`;
}

/** Compiles documents that lie in files, each a list of documents. Throws what is wrong with them. */
export function compileFiles(files: readonly (readonly string[])[]): CompiledFleet {
  const { fleet, diagnostics } = assembleFleet({
    folder: '/fleet',
    files: files.map((documents, index) => ({
      file: `f${index}.yaml`,
      text: documents
        .map((document) => (document.includes('apiVersion:') ? document : header + document))
        .join('\n---\n'),
    })),
    diagnostics: [],
  });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (fleet === undefined || errors.length > 0) {
    throw new Error(errors.map(({ message }) => message).join('\n'));
  }
  return compileFleet(fleet);
}

export function compileDocuments(...documents: readonly string[]): CompiledFleet {
  return compileFiles([documents]);
}

/** The spec of a resource, by its id. Throws for one that is not there. */
export function specOf<Spec>(compiled: CompiledFleet, id: string): Spec {
  return resourceOf(compiled, id).spec as Spec;
}

export function resourceOf(compiled: CompiledFleet, id: string): Resource {
  const found = compiled.resources.find((resource) => resource.id === id);
  if (found === undefined) {
    throw new Error(`no ${id} among\n${compiled.resources.map((resource) => resource.id).join('\n')}`);
  }
  return found;
}
