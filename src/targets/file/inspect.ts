import { basename, join } from 'node:path';
import type { RunContext } from '../../engine/interfaces.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Ownership } from '../store/mark.ts';
import { isVisible } from './delivery.ts';
import type { Delivery } from './delivery.ts';
import { lookAt, namesIn } from './look.ts';
import type { Thing } from './look.ts';
import { folderOwnership, markerFile, pendingFile } from './marker.ts';

/** Whose files a consumer's are. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** What lies in a delivered folder. Contents are kept for comparing and never printed. */
export interface Inspected {
  readonly owner: Ownership;
  /** Name of the current generation, when `..data` leads to one. */
  readonly generation?: string;
  /** What is wrong whatever should be delivered: modes, owners, links, things that do not belong there. */
  readonly faults: readonly string[];
  readonly contents: ReadonlyMap<string, Uint8Array>;
  /** Keyed fingerprint of everything that is current: content, modes, owners, links. */
  readonly fingerprint: string;
  readonly pending: boolean;
  /** Names in the folder that are no part of the layout. */
  readonly extras: readonly string[];
}

export const dataLink = '..data';
const generationName = /^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.[0-9a-f]{8}$/;

export function isGenerationName(name: string): boolean {
  return generationName.test(name);
}

/** Name of a new generation, as Kubernetes names them; the random end tells two of one second apart. */
export function newGenerationName(now: Date, random: Uint8Array): string {
  const time = now.toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  return `..${time}.${Buffer.from(random).toString('hex').slice(0, 8)}`;
}

/** Looks at a delivered folder; undefined when nothing is there. Links are never followed. */
export async function inspectFolder(
  folder: string,
  id: ResourceId,
  expected: FileOwner,
  context: Pick<RunContext, 'fleet' | 'fingerprint'>,
): Promise<Inspected | undefined> {
  const top = await lookAt(folder);
  if (top.type === 'nothing') {
    return undefined;
  }
  if (top.type !== 'folder') {
    const fault = top.type === 'link' ? `is a link to ${top.target}` : 'is not a folder';
    return {
      owner: { by: 'nobody' },
      faults: [fault],
      contents: new Map(),
      fingerprint: '',
      pending: false,
      extras: [],
    };
  }
  const names = await namesIn(folder);
  const things = new Map(
    await Promise.all(names.map(async (name) => [name, await lookAt(join(folder, name))] as const)),
  );
  const marker = things.get(markerFile);
  const data = things.get(dataLink);
  const generation = data?.type === 'link' && isGenerationName(data.target) ? data.target : undefined;
  const inside = generation === undefined ? new Map<string, Thing>() : await lookInside(join(folder, generation));
  const visible = [...inside.keys()].filter(isVisible);
  const extras = [...things.keys()].filter((name) => !visible.includes(name) && !isLayout(name));
  const generationThing = generation === undefined ? undefined : things.get(generation);
  const parts = new Map<string, Thing>([
    ['.', top],
    ...[...things].filter(([name]) => !isGenerationName(name) && name !== pendingFile),
    ...(generationThing === undefined ? [] : ([['./', generationThing]] as const)),
    ...[...inside].map(([name, thing]) => [`./${name}`, thing] as const),
  ]);
  return {
    owner: folderOwnership(
      marker?.type === 'file' ? Buffer.from(marker.content).toString('utf8') : undefined,
      context.fleet,
      id,
    ),
    generation: generationThing?.type === 'folder' ? generation : undefined,
    faults: [
      ...modeFaults(basename(folder), top, expected),
      ...dataFaults(data, generationThing, expected),
      ...[...inside].flatMap(([name, thing]) => fileFaults(name, thing, expected)),
      ...visible
        .filter((name) => !isRightLink(name, things.get(name)))
        .map((name) => `${name} was replaced or is missing`),
      ...extras.map((name) => `${name} does not belong there`),
      // Left by a run that was killed before it could tidy up.
      ...([...things.keys()].filter(isGenerationName).length > 2 ? ['more than two generations are there'] : []),
      ...(marker === undefined || marker.type === 'file' ? [] : [`${markerFile} is not a file`]),
    ],
    contents: new Map([...inside].flatMap(([name, thing]) => (thing.type === 'file' ? [[name, thing.content]] : []))),
    fingerprint: fingerprintOf(parts, dataLink, context),
    pending: things.has(pendingFile),
    extras,
  };
}

/** What differs between what lies there and what should; names of files, never contents. */
export function compareDelivery({ contents }: Inspected, { files }: Delivery): string[] {
  const differences: string[] = [];
  for (const [name, content] of files) {
    const held = contents.get(name);
    if (held === undefined) {
      differences.push(`${name} is missing`);
    } else if (!Buffer.from(content).equals(held)) {
      differences.push(`${name} differs`);
    }
  }
  for (const name of contents.keys()) {
    if (!files.has(name)) {
      differences.push(`${name} is not declared`);
    }
  }
  return differences;
}

async function lookInside(path: string): Promise<Map<string, Thing>> {
  const names = await namesIn(path);
  return new Map(await Promise.all(names.map(async (name) => [name, await lookAt(join(path, name))] as const)));
}

function dataFaults(data: Thing | undefined, generation: Thing | undefined, expected: FileOwner): string[] {
  if (data === undefined) {
    return [`${dataLink} is missing`];
  }
  if (data.type !== 'link' || !isGenerationName(data.target)) {
    return [`${dataLink} leads to no generation`];
  }
  return generation?.type === 'folder' ? modeFaults(data.target, generation, expected) : [`${data.target} is missing`];
}

function modeFaults(name: string, thing: Thing, { uid, gid }: FileOwner): string[] {
  if (thing.type !== 'folder' && thing.type !== 'file') {
    return [];
  }
  const mode = thing.type === 'folder' ? 0o700 : 0o600;
  return [
    ...(thing.mode === mode ? [] : [`${name} has mode ${octal(thing.mode)}, not ${octal(mode)}`]),
    ...(thing.uid === uid && thing.gid === gid
      ? []
      : [`${name} belongs to ${thing.uid}:${thing.gid}, not ${uid}:${gid}`]),
  ];
}

function fileFaults(name: string, thing: Thing, expected: FileOwner): string[] {
  if (thing.type !== 'file') {
    return [`${name} is not a file`];
  }
  return [...modeFaults(name, thing, expected), ...(thing.links === 1 ? [] : [`${name} has another name elsewhere`])];
}

export function isRightLink(name: string, thing: Thing | undefined): boolean {
  return thing?.type === 'link' && thing.target === `${dataLink}/${name}`;
}

/** Names that are part of the layout rather than delivered files. */
export function isLayout(name: string): boolean {
  return name === dataLink || name === markerFile || name === pendingFile || isGenerationName(name);
}

function fingerprintOf(
  parts: ReadonlyMap<string, Thing>,
  data: string,
  { fingerprint }: Pick<RunContext, 'fingerprint'>,
): string {
  const sorted = [...parts].sort(([one], [other]) => (one < other ? -1 : 1));
  const texts = sorted.flatMap(([name, thing]): (string | Uint8Array)[] => {
    switch (thing.type) {
      case 'file':
        return [name, 'file', octal(thing.mode), `${thing.uid}:${thing.gid}`, thing.content];
      case 'folder':
        return [name, 'folder', octal(thing.mode), `${thing.uid}:${thing.gid}`];
      case 'link':
        return [name, 'link', name === data ? 'generation' : thing.target];
      default:
        return [name, thing.type];
    }
  });
  return fingerprint('directory', ...texts);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
