import { createHash } from 'node:crypto';

/** A shard above this many bytes asks for growth. */
export const shardLimit = 64 * 1024;

/**
 * Growth stops where the shards hold this little on average: it exists so that a write stays cheap, and no number of
 * shards makes one large entry smaller.
 */
const smallestAverage = 16 * 1024;

const mostShards = 4096;

/**
 * The shard of a path among `shards` (a power of two): the low bits of its SHA-256. When the number doubles, an entry of
 * shard `i` stays there or moves to `i + shards`, so growth never moves anything between old shards.
 */
export function shardOf(path: string, shards: number): number {
  return createHash('sha256').update(path).digest().readUInt32BE(0) & (shards - 1);
}

/** File name of a shard: two hexadecimal digits, more from 256 on, so that a name means the same after growth. */
export function shardFileName(index: number): string {
  return `${index.toString(16).padStart(2, '0')}.age`;
}

/** The number in the name of a shard, undefined for any other file. */
export function shardFileIndex(name: string): number | undefined {
  const match = /^([0-9a-f]{2,4})\.age$/.exec(name);
  const index = match?.[1] === undefined ? undefined : Number.parseInt(match[1], 16);
  return index !== undefined && shardFileName(index) === name ? index : undefined;
}

/** Whether a store of so many shards and bytes should grow, now that one shard has `largest` bytes. */
export function wantsGrowth(shards: number, largest: number, total: number): boolean {
  return largest > shardLimit && total > shards * smallestAverage && shards < mostShards;
}

/** How many shards the store should have: doubled until no shard is too large, or until that no longer helps. */
export function grownShards(shards: number, sizes: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const size of sizes.values()) {
    total += size;
  }
  let grown = shards;
  while (wantsGrowth(grown, largestShard(grown, sizes), total)) {
    grown *= 2;
  }
  return grown;
}

function largestShard(shards: number, sizes: ReadonlyMap<string, number>): number {
  const sums = new Map<number, number>();
  for (const [path, size] of sizes) {
    const index = shardOf(path, shards);
    sums.set(index, (sums.get(index) ?? 0) + size);
  }
  return Math.max(0, ...sums.values());
}
