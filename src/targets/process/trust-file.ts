import { createHash } from 'node:crypto';
import { rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Applied, ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { resolved } from '../postgres/resolved.ts';
import { readEntries } from '../store/entries.ts';
import { isRoot } from './account.ts';
import type { LocalSite } from './local-site.ts';
import { makeOwnedFolder, readIfThere, writeOwnedFile } from './owned-file.ts';
import type { TrustFileSpec } from './trust-file.spec.ts';

export interface SeenTrustFile {
  readonly file: string;
  /** SHA-256 of its content, hex. */
  readonly content: string;
  readonly readable: boolean;
}

/** `site/<site>/trust-file/<authority>`: see `trust-file.spec.ts`. */
export const trustFileKind: ResourceKind<LocalSite, TrustFileSpec, SeenTrustFile> = {
  kind: 'trust-file',
  targetKind: 'site',
  onRemoval: 'remove',
  ownership: 'file',

  async observe(site, wanted, recorded) {
    const answers = new Map<ResourceId, Answer<SeenTrustFile>>();
    for (const id of new Set([...wanted, ...recorded].map((each) => each.id))) {
      const file = fileOf(site, id);
      const text = await readIfThere(file);
      answers.set(
        id,
        text === undefined
          ? absent
          : present({ file, content: digest(text), readable: ((await stat(file)).mode & 0o444) === 0o444 }),
      );
    }
    return answers;
  },

  diff: diffTrustFile,

  outputs: (_resource, { file }) => ({ file }),

  async *apply(site, changes, io) {
    for (const change of changes) {
      io.guard();
      try {
        yield await applyTrustFile(site, change, io);
      } catch (error) {
        yield { id: change.change.id, outcome: 'failed', error: error as Error };
      }
    }
  },
};

/** Where such files of a site lie: where root starts the servers, in a folder that their accounts can reach. */
export function trustFolder(site: LocalSite): string {
  return isRoot() ? join(dirname(site.serversFolder), '.trust', site.name) : join(site.directory, 'trust');
}

function diffTrustFile(
  wanted: Resource<TrustFileSpec> | undefined,
  seen: SeenTrustFile | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  const version = resolved(wanted.spec.bundle.version);
  const after = `version ${version}`;
  if (seen === undefined) {
    return { id, action: 'create', fields: [{ field: 'bundle', after }] };
  }
  const fields: FieldChange[] = [
    ...(recorded?.version === version ? [] : [{ field: 'bundle', before: `version ${recorded?.version}`, after }]),
    ...(recorded?.version === version && recorded?.fingerprint !== seen.content
      ? [{ field: 'file', note: 'changed by hand' }]
      : []),
    ...(seen.readable ? [] : [{ field: 'readable by all', before: 'no', after: 'yes' }]),
  ];
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

async function applyTrustFile(
  site: LocalSite,
  { change, resource }: ReadyChange<TrustFileSpec, SeenTrustFile>,
  io: ApplyContext,
): Promise<Applied> {
  const { id } = change;
  const file = fileOf(site, id);
  if (resource === undefined) {
    await rm(file, { force: true });
    await rmdir(dirname(file)).catch(() => {});
    return { id, outcome: 'done' };
  }
  const { store, path, version } = resource.spec.bundle;
  const address = { store, path, version: resolved(version) };
  const entry = (await readEntries(io, new Map([['bundle', address]]))).get('bundle');
  if (entry === undefined || entry instanceof Failure) {
    throw entry ?? new RangeError('no answer for the bundle');
  }
  const text = entry.data.get('ca.crt')?.expose();
  if (text === undefined) {
    throw new Failure({ code: 'key-missing', message: `${store}/${path} holds no key ca.crt`, object: path });
  }
  io.guard();
  await makeOwnedFolder(dirname(file), 0o755, undefined);
  await writeOwnedFile(file, text, undefined, 0o644);
  return {
    id,
    outcome: 'done',
    record: { version: entry.version, fingerprint: digest(text), outputs: { file } },
  };
}

function fileOf(site: LocalSite, id: ResourceId): string {
  return join(trustFolder(site), `${parseResourceId(id).names[0]}.pem`);
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
