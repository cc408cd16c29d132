import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { InventoryRecord } from './interfaces.ts';
import type { ResourceId } from '../model/ids.ts';

/** What one shard holds: who wrote it, and its records. */
export interface Shard {
  readonly fleet: string;
  /** Id of the fingerprint key that its fingerprints were made with. */
  readonly key: string;
  /** It grew too large: its records are in its two children. */
  readonly split?: true;
  readonly records: readonly InventoryRecord[];
}

const format = 1;

/** JSON lines, gzip, base64: one string, because a store may limit how many strings a request holds. */
export function encodeShard(shard: Shard): string {
  const records = [...shard.records].sort((left, right) => (left.id < right.id ? -1 : 1));
  const lines = [{ format, fleet: shard.fleet, key: shard.key, split: shard.split }, ...records].map((line) =>
    JSON.stringify(line),
  );
  return gzipSync(`${lines.join('\n')}\n`, { level: 2 }).toString('base64');
}

/** Throws a plain Error that says what is wrong with the text. */
export function decodeShard(text: string): Shard {
  const [first, ...lines] = gunzipSync(Buffer.from(text, 'base64')).toString('utf8').trimEnd().split('\n');
  const header = JSON.parse(first ?? '') as { format?: unknown; fleet?: unknown; key?: unknown; split?: unknown };
  if (header.format !== format) {
    throw new Error(`format ${String(header.format)} is not ${format}, the one that this Keywright writes`);
  }
  if (typeof header.fleet !== 'string' || typeof header.key !== 'string') {
    throw new Error('its first line names no fleet and key');
  }
  const records = lines.map((line) => {
    const record = JSON.parse(line) as InventoryRecord;
    if (typeof record.id !== 'string' || !['intended', 'present', 'retained'].includes(record.state)) {
      throw new Error('a line is not a record');
    }
    return record;
  });
  const { fleet, key } = header;
  return header.split === true ? { fleet, key, split: true, records: [] } : { fleet, key, records };
}

/** The name of the one shard of a small inventory. A shard that grows too large is split into `0` and `1`, and so on. */
export const rootShard = 'root';

/** The first 32 bits of the id's hash, as text of 0 and 1: its path through the tree of shards. */
export function shardBits(id: ResourceId): string {
  return createHash('sha256').update(id).digest().readUInt32BE(0).toString(2).padStart(32, '0');
}

/** The shard that an id belongs to, among those that are not split. */
export function shardOf(id: ResourceId, unsplit: { readonly size: number; has(name: string): boolean }): string {
  if (unsplit.size === 0 || (unsplit.size === 1 && unsplit.has(rootShard))) {
    return rootShard;
  }
  const bits = shardBits(id);
  for (let length = bits.length; length > 0; length -= 1) {
    const name = bits.slice(0, length);
    if (unsplit.has(name)) {
      return name;
    }
  }
  return rootShard;
}

export function childrenOf(shard: string): readonly [string, string] {
  return shard === rootShard ? ['0', '1'] : [`${shard}0`, `${shard}1`];
}
