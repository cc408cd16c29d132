import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { childrenOf, decodeShard, encodeShard, shardBits, shardOf } from '../../../src/engine/inventory-shard.ts';
import type { ResourceId } from '../../../src/model/ids.ts';

const record = (name: string) => ({
  id: `site/a/thing/${name}` as ResourceId,
  kind: 'thing',
  state: 'present' as const,
});

describe('an inventory shard', () => {
  it('comes back as it was written, and is the same text for the same records in another order', () => {
    const records = [record('b'), record('a')];
    const text = encodeShard({ fleet: 'f', key: 'k', records });
    assert.equal(text, encodeShard({ fleet: 'f', key: 'k', records: [...records].reverse() }));
    assert.deepEqual(decodeShard(text), { fleet: 'f', key: 'k', records: [record('a'), record('b')] });
  });

  it('that was cut, altered or is of another format is refused', () => {
    const text = encodeShard({ fleet: 'f', key: 'k', records: [record('a')] });
    assert.throws(() => decodeShard(text.slice(0, -12)));
    assert.throws(() => decodeShard(''));
    assert.throws(() => decodeShard(Buffer.from('{}').toString('base64')));
  });

  it('is found for each id along the bits of its hash, and every id has exactly one', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const { id } = record(encodeURIComponent(name.toWellFormed()));
        // The root and shard 1 are split.
        const found = shardOf(id, new Set(['0', '10', '11']));
        assert.ok(shardBits(id).startsWith(found));
      }),
    );
    assert.equal(shardOf(record('x').id, new Set()), 'root');
  });

  it('that was split says so and has two children', () => {
    const text = encodeShard({ fleet: 'f', key: 'k', split: true, records: [] });
    assert.equal(decodeShard(text).split, true);
    assert.deepEqual(
      [childrenOf('root'), childrenOf('10')],
      [
        ['0', '1'],
        ['100', '101'],
      ],
    );
  });
});
