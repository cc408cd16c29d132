import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Measurement } from '../model/claim.ts';
import { Failure } from '../model/failure.ts';
import type { SecretEntry } from '../stores/backend.ts';
import { isVisible, renderDelivery } from '../targets/file/delivery.ts';
import { readPlainFiles } from '../targets/file/plain-files.ts';
import { findAccount, isRoot } from '../targets/process/account.ts';
import { currentGeneration, filesOf, isGeneration, type Item, readPlainFile, readTree } from './delivered-folder.ts';
import { broken, held, known, type Measurer, type ProofTools, unknown } from './measurer.ts';
import type { DeliveredSpec } from './proofs.spec.ts';

/** The delivered files are what the store's entries say now, all of them and no others. */
export const deliveredAgreesMeasurer: Measurer<DeliveredSpec> = async (spec, tools) => {
  const folder = known(spec.directory);
  const tree = await readTree(folder);
  const generation = tree === undefined ? undefined : currentGeneration(tree);
  if (tree === undefined || generation === undefined) {
    return broken(
      tree === undefined ? `nothing is in ${folder}` : `${folder}: ..data leads nowhere`,
      'keywright apply',
    );
  }
  const entries = await entriesOf(spec, tools);
  if (!(entries instanceof Map)) {
    return entries;
  }
  let expected: ReadonlyMap<string, Uint8Array>;
  try {
    expected = renderDelivery(
      { ...spec, name: spec.secret, folder, sources: withVersions(spec) },
      entries,
      join(folder, generation),
      await readPlainFiles(spec.files, tools.run.folder),
    ).files;
  } catch (error) {
    if (error instanceof Failure) {
      return broken(error.message, error.details.remedy ?? 'keywright apply');
    }
    throw error;
  }
  const faults = await contentFaults(folder, tree, generation, expected);
  return faults.length === 0
    ? held(`${expected.size} files of ${folder}/${generation} equal ${sourcesOf(spec)}`)
    : broken(`${folder}: ${faults.join('; ')} (compared with ${sourcesOf(spec)})`, 'keywright apply');
};

async function contentFaults(
  folder: string,
  tree: ReadonlyMap<string, Item>,
  generation: string,
  expected: ReadonlyMap<string, Uint8Array>,
): Promise<string[]> {
  const names = filesOf(tree, generation);
  const faults = names.filter((name) => !expected.has(name)).map((name) => `${name} should not be there`);
  for (const [name, content] of expected) {
    if (tree.get(`${generation}/${name}`)?.type !== 'file') {
      faults.push(`${name} is missing`);
    } else if (!(await readPlainFile(join(folder, generation, name))).equals(content)) {
      faults.push(`${name} differs`);
    }
    const link = tree.get(name);
    if (isVisible(name) && !(link?.type === 'link' && link.target === `..data/${name}`)) {
      faults.push(`${name} is not the link that a program reads it by`);
    }
  }
  const visible = [...tree.keys()].filter((name) => !name.includes('/') && !name.startsWith('..') && name !== '.');
  return [...faults, ...visible.filter((name) => !expected.has(name)).map((name) => `${name} should not be there`)];
}

async function entriesOf(spec: DeliveredSpec, tools: ProofTools): Promise<Map<string, SecretEntry> | Measurement> {
  const entries = new Map<string, SecretEntry>();
  for (const [alias, { store, path }] of Object.entries(spec.sources)) {
    const answer = await (await tools.run.store(store)).read(path);
    if (answer.state === 'absent') {
      return broken(`${store}/${path}, which it is delivered from, is not there`, 'keywright apply');
    }
    if (answer.state !== 'present') {
      return unknown(answer.why);
    }
    entries.set(alias, answer.seen);
  }
  return entries;
}

function withVersions(spec: DeliveredSpec): Parameters<typeof renderDelivery>[0]['sources'] {
  return Object.fromEntries(Object.entries(spec.sources).map(([alias, source]) => [alias, { version: '', ...source }]));
}

function sourcesOf(spec: DeliveredSpec): string {
  return Object.values(spec.sources)
    .map(({ store, path }) => `${store}/${path}`)
    .join(', ');
}

/** Nobody but the consumer's account can read what was delivered, or put something else in its place. */
export const deliveredModesMeasurer: Measurer<DeliveredSpec> = async (spec, tools) => {
  const folder = known(spec.directory);
  const reader = isRoot() && spec.user !== undefined ? await findAccount(spec.user) : undefined;
  if (isRoot() && spec.user !== undefined && reader === undefined) {
    return broken(`there is no account ${spec.user} on this machine`, `make the account: useradd ${spec.user}`);
  }
  const uid = reader?.uid ?? process.geteuid?.() ?? 0;
  const tree = await readTree(folder);
  if (tree === undefined) {
    return broken(`nothing is in ${folder}`, 'keywright apply');
  }
  const current = currentGeneration(tree);
  // Earlier generations lie behind the folder's own mode, and go with the next delivery.
  const judged = [...tree].filter(
    ([path]) => !isGeneration(path.split('/')[0] ?? '') || path.split('/')[0] === current,
  );
  const faults = judged.flatMap(([path, item]) => modeFaults(path, item, uid));
  if (current === undefined) {
    faults.push('..data leads to no generation in the folder');
  }
  faults.push(...(await parentFaults(folder, tools.run.folder, [0, process.geteuid?.() ?? 0, uid])));
  const files = judged.filter(([, { type }]) => type === 'file').length;
  return faults.length === 0
    ? held(`${files} files of ${folder} 0600, folders 0700, of account ${reader?.name ?? uid}`)
    : broken(`${folder}: ${faults.join('; ')}`, 'keywright apply');
};

function modeFaults(path: string, item: Item, uid: number): string[] {
  const shown = path === '.' ? 'the folder' : path;
  if (item.type === 'other') {
    return [`${shown} is neither file nor folder nor link`];
  }
  const owner = item.uid === uid ? [] : [`${shown} belongs to account ${item.uid}, not ${uid}`];
  if (item.type === 'link') {
    return isGeneration(item.target) || item.target === `..data/${path}`
      ? owner
      : [...owner, `${shown} leads out of the folder, to ${item.target}`];
  }
  const mode = item.mode.toString(8).padStart(4, '0');
  const wanted = item.type === 'file' ? '0600' : '0700';
  return [
    ...owner,
    ...(mode === wanted ? [] : [`${shown} has mode ${mode}, not ${wanted}`]),
    ...(item.type === 'file' && item.links !== 1 ? [`${shown} has another name elsewhere`] : []),
  ];
}

/** Who may write in a folder above can put another one in its place. */
async function parentFaults(folder: string, fleetFolder: string, trusted: readonly number[]): Promise<string[]> {
  const faults: string[] = [];
  for (let path = dirname(folder); ; path = dirname(path)) {
    const stat = await lstat(path);
    const isOurs = path.startsWith(`${fleetFolder}/`);
    const writable = stat.mode & (isOurs ? 0o022 : 0o002);
    const isSticky = (stat.mode & 0o1000) !== 0;
    if (!stat.isSymbolicLink() && writable !== 0 && !isSticky) {
      faults.push(`others may write in ${path}`);
    }
    if (isOurs && !trusted.includes(stat.uid)) {
      faults.push(`${path} belongs to account ${stat.uid}`);
    }
    if (path === dirname(path)) {
      return faults;
    }
  }
}
