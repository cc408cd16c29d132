import { constants } from 'node:fs';
import { chmod, chown, lchown, mkdir, open, readdir, rename, symlink, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ResourceId } from '../../model/ids.ts';
import { Failure } from '../../model/failure.ts';
import { isVisible } from './delivery.ts';
import type { Delivery } from './delivery.ts';
import { dataLink, isGenerationName, isLayout, isRightLink } from './inspect.ts';
import type { FileOwner } from './inspect.ts';
import { lookAt, namesIn } from './look.ts';
import { markerFile, markerText, pendingFile } from './marker.ts';
import { removeFolder, removeTree } from './remove-tree.ts';
import { systemFailure } from './system-failure.ts';

export interface GenerationOrder {
  /** Absolute path of the delivered folder. */
  readonly folder: string;
  readonly id: ResourceId;
  readonly fleet: string;
  readonly owner: FileOwner;
  /** Name of the new generation. */
  readonly generation: string;
  readonly delivery: Delivery;
  /** Something is to be done once it is in place: remembered in the folder, so that a kill does not lose it. */
  readonly pending: boolean;
  /** Eight hex digits for temporary names. */
  readonly suffix: string;
  /** Asked before anything that can be seen from outside. */
  readonly guard: () => void;
}

/**
 * Puts a new generation in place: written and synced aside, moved in whole, then `..data` is renamed over, so that a
 * reader at any moment, and after a kill at any moment, finds one whole generation. The one before stays, because
 * somebody may be reading it; older ones go.
 */
export async function putGeneration(order: GenerationOrder): Promise<void> {
  const aside = join(dirname(order.folder), `..new-${basename(order.folder)}-${order.suffix}`);
  try {
    await sweepLeftovers(order.folder);
    if ((await lookAt(order.folder)).type === 'nothing') {
      await makeWhole(order, aside);
    } else {
      await addTo(order, aside);
    }
  } catch (error) {
    await removeTree(aside).catch(() => {});
    throw systemFailure(order.folder, error);
  }
}

/** The whole folder aside, then under its name from one moment to the next. */
async function makeWhole(order: GenerationOrder, aside: string): Promise<void> {
  const { folder, owner, generation, fleet, id, delivery } = order;
  await mkdir(aside, { mode: 0o700 });
  await writeFiles(join(aside, generation), owner, delivery.files);
  await symlink(generation, join(aside, dataLink));
  await lchown(join(aside, dataLink), owner.uid, owner.gid);
  for (const name of delivery.files.keys()) {
    if (isVisible(name)) {
      await symlink(`${dataLink}/${name}`, join(aside, name));
      await lchown(join(aside, name), owner.uid, owner.gid);
    }
  }
  await writeFile(join(aside, markerFile), markerText(fleet, id), owner);
  if (order.pending) {
    await writeFile(join(aside, pendingFile), '', owner);
  }
  await own(aside, owner);
  await syncFolder(aside);
  order.guard();
  await rename(aside, folder);
  await syncFolder(dirname(folder));
}

async function addTo(order: GenerationOrder, aside: string): Promise<void> {
  const { folder, owner, generation, delivery } = order;
  await writeFiles(aside, owner, delivery.files);
  order.guard();
  await own(folder, owner);
  const previous = await generationBefore(folder);
  const marker = await lookAt(join(folder, markerFile));
  const text = markerText(order.fleet, order.id);
  if (marker.type !== 'file' || Buffer.from(marker.content).toString('utf8') !== text) {
    await replaceFile(order, markerFile, text);
  }
  if (order.pending) {
    await replaceFile(order, pendingFile, '');
  }
  await rename(aside, join(folder, generation));
  await syncFolder(folder);
  await putLink(order, dataLink, generation);
  for (const name of delivery.files.keys()) {
    if (isVisible(name) && !isRightLink(name, await lookAt(join(folder, name)))) {
      await putLink(order, name, `${dataLink}/${name}`);
    }
  }
  await tidy(order, previous);
  await syncFolder(folder);
}

/** What `..data` leads to, or the newest generation when somebody took that link away. */
async function generationBefore(folder: string): Promise<string | undefined> {
  const data = await lookAt(join(folder, dataLink));
  return data.type === 'link' && isGenerationName(data.target)
    ? data.target
    : (await namesIn(folder)).filter(isGenerationName).at(-1);
}

/** A link in its place at once, whatever lay there. */
async function putLink(order: GenerationOrder, name: string, target: string): Promise<void> {
  const { folder, owner, suffix } = order;
  const path = join(folder, name);
  const fresh = join(folder, `..link-${suffix}`);
  await unlink(fresh).catch(ignoreMissing);
  await symlink(target, fresh);
  await lchown(fresh, owner.uid, owner.gid);
  if ((await lookAt(path)).type === 'folder') {
    // A folder cannot be renamed over: somebody made it by hand.
    await removeExtraFolder(order, name);
  }
  await rename(fresh, path);
}

async function replaceFile(order: GenerationOrder, name: string, content: string): Promise<void> {
  const { folder, owner, suffix } = order;
  const aside = join(dirname(folder), `..file-${basename(folder)}-${suffix}`);
  await unlink(aside).catch(ignoreMissing);
  await writeFile(aside, content, owner);
  if ((await lookAt(join(folder, name))).type === 'folder') {
    await removeExtraFolder(order, name);
  }
  await rename(aside, join(folder, name));
}

/** Takes away what is not part of the layout, and all generations but the current one and the one before. */
async function tidy(order: GenerationOrder, previous: string | undefined): Promise<void> {
  const { folder, generation, delivery } = order;
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    if (isGenerationName(name)) {
      if (name === previous && name !== generation) {
        await tighten(path);
      } else if (name !== generation) {
        await removeFolder(path, dirname(folder), basename(folder));
      }
    } else if (!isLayout(name) && !(delivery.files.has(name) && isVisible(name))) {
      if ((await lookAt(path)).type === 'folder') {
        await removeExtraFolder(order, name);
      } else {
        await unlink(path).catch(ignoreMissing);
      }
    }
  }
}

/** A folder that somebody made by hand may hold their work: it goes when it is empty, else a person decides. */
async function removeExtraFolder({ folder, id }: GenerationOrder, name: string): Promise<void> {
  const path = join(folder, name);
  const names = await namesIn(path);
  if (names.length > 0) {
    throw new Failure({
      code: 'folder-not-ours',
      message: `${path} holds ${names.length} things that Keywright did not put there`,
      object: id,
      why: 'a delivered folder holds delivered files only',
      remedy: `move it away: mv ${path} …`,
    });
  }
  await removeFolder(path, dirname(folder), basename(folder));
}

/**
 * Makes the files of a generation that stays readable by their owner only, however they were left. The folder may belong
 * to another account, so it is held open and its files are reached through the handle: what lies at its path by then does
 * not matter.
 */
async function tighten(path: string): Promise<void> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(() => undefined);
  if (folder === undefined) {
    return;
  }
  try {
    const held = process.platform === 'linux' ? `/proc/self/fd/${folder.fd}` : path;
    for (const name of await readdir(held)) {
      const file = await open(join(held, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => undefined);
      const stat = await file?.stat();
      if (stat?.isFile() === true && stat.nlink === 1 && (stat.mode & 0o7777) !== 0o600) {
        await file?.chmod(0o600);
      }
      await file?.close();
    }
  } finally {
    await folder.close();
  }
}

/** What a killed run left beside the folder. */
async function sweepLeftovers(folder: string): Promise<void> {
  const name = basename(folder).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const leftover = new RegExp(`^\\.\\.(new|old|file)-${name}-[0-9a-f]{8}$`);
  for (const each of await namesIn(dirname(folder))) {
    if (leftover.test(each)) {
      await removeTree(join(dirname(folder), each));
    }
  }
}

async function writeFiles(path: string, owner: FileOwner, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  for (const [name, content] of files) {
    await writeFile(join(path, name), content, owner);
  }
  await own(path, owner);
  await syncFolder(path);
}

async function writeFile(path: string, content: string | Uint8Array, { uid, gid }: FileOwner): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.chown(uid, gid);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The parent belongs to us, so this is the folder that it was a moment ago. Owner first: a change of owner can clear bits. */
async function own(path: string, { uid, gid }: FileOwner): Promise<void> {
  await chown(path, uid, gid);
  await chmod(path, 0o700);
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') {
    throw error;
  }
}
