import { Failure } from '../../model/failure.ts';
import { CheckAndSetConflict } from '../backend.ts';
import type { EntryWrite, Metadata } from '../backend.ts';
import { VaultRefusal } from './failures.ts';
import type { KvMount } from './kv-list.ts';
import { customMetadata, readKvMetadata } from './kv-metadata.ts';
import { asNumber, asObject, asText } from './reply.ts';
import type { Reply } from './reply.ts';
import { versionName, versionNumber } from './version-name.ts';

/** Most repetitions of a check-and-set whose answers are lost. */
const mostTries = 5;

/**
 * Writes a new version of an entry, then its custom metadata: the API has no call for both. In this order, because
 * only the first is a check-and-set, and metadata must not be laid over an entry of somebody else.
 */
export async function writeEntry(kv: KvMount, write: EntryWrite): Promise<{ readonly version: string }> {
  const written = await writeData(kv, write);
  if (write.metadata !== undefined && !sameMetadata(written.metadata, write.metadata)) {
    await kv.client.request({
      method: 'POST',
      path: `${kv.mount}/metadata/${write.path}`,
      body: { custom_metadata: write.metadata },
      repeat: 'safe',
    });
  }
  return { version: written.version };
}

interface Written {
  readonly version: string;
  readonly metadata: Metadata;
}

async function writeData(kv: KvMount, write: EntryWrite): Promise<Written> {
  if (write.expect === undefined) {
    return writtenOf(await post(kv, write, undefined, 'safe'));
  }
  if (write.expect !== 'absent') {
    const expected = versionNumber(write.expect);
    if (expected === undefined) {
      throw new CheckAndSetConflict(write.path);
    }
    return checkAndSet(kv, write, expected);
  }
  try {
    return await checkAndSet(kv, write, 0);
  } catch (error) {
    if (!(error instanceof CheckAndSetConflict)) {
      throw error;
    }
    // A soft-deleted entry counts as absent here, but keeps its version number there.
    const reply = await kv.client.readIfPresent(`${kv.mount}/metadata/${write.path}`);
    const found = reply && readKvMetadata(reply.data, kv.now());
    if (found === undefined || found.state === 'live') {
      throw error;
    }
    return checkAndSet(kv, write, found.current);
  }
}

/**
 * Writes if version `expected` is current (0: none). When an answer is lost, the write is tried again, and a conflict
 * then may be with our own first try: what is there decides.
 */
async function checkAndSet(kv: KvMount, write: EntryWrite, expected: number): Promise<Written> {
  for (let tries = 1, uncertain = false; ; tries++) {
    try {
      return writtenOf(await post(kv, write, expected, 'never'));
    } catch (error) {
      if (error instanceof VaultRefusal && error.code === 'vault-conflict') {
        const own = uncertain ? await ownVersion(kv, write, expected + 1) : undefined;
        if (own === undefined) {
          throw new CheckAndSetConflict(write.path);
        }
        return own;
      }
      if (!(error instanceof Failure) || error.code !== 'vault-outcome-unknown' || tries === mostTries) {
        throw error;
      }
      uncertain = true;
    }
  }
}

function post(kv: KvMount, write: EntryWrite, cas: number | undefined, repeat: 'safe' | 'never'): Promise<Reply> {
  return kv.client.request({
    method: 'POST',
    path: `${kv.mount}/data/${write.path}`,
    body: { ...(cas === undefined ? {} : { options: { cas } }), data: write.data },
    repeat,
  });
}

/** The current version, if it has this number and exactly the values that we wrote. */
async function ownVersion(kv: KvMount, write: EntryWrite, number: number): Promise<Written | undefined> {
  const reply = await kv.client.readIfPresent(`${kv.mount}/data/${write.path}`);
  const metadata = asObject(reply?.data['metadata']);
  const data = asObject(reply?.data['data']);
  if (metadata === undefined || data === undefined || asNumber(metadata['version']) !== number) {
    return undefined;
  }
  const keys = Object.keys(data);
  const same = keys.length === write.data.size && keys.every((key) => write.data.get(key)?.expose() === data[key]);
  return same ? writtenVersion(metadata) : undefined;
}

function writtenOf(reply: Reply): Written {
  return writtenVersion(reply.data);
}

function writtenVersion(metadata: Readonly<Record<string, unknown>>): Written {
  return {
    version: versionName(asNumber(metadata['version']), asText(metadata['created_time'])),
    metadata: customMetadata(metadata['custom_metadata']),
  };
}

function sameMetadata(one: Metadata, other: Metadata): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}
