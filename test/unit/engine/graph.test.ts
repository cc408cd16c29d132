import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dependencyOrder, effectiveDependencies } from '../../../src/engine/graph.ts';
import { Failure } from '../../../src/model/failure.ts';
import { thing, worldTarget } from '../../support/test-kinds.ts';

describe('dependency order', () => {
  it('puts everything after what it waits for, whatever the order of the input', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(20), { maxLength: 4 }), { maxLength: 20 }), (edges) => {
        const dependencies = new Map(
          edges.map((to, from) => [`n${from}`, to.filter((n) => n < from).map((n) => `n${n}`)]),
        );
        const order = dependencyOrder(dependencies.keys(), (id) => dependencies.get(id) ?? []);
        const reversed = dependencyOrder([...dependencies.keys()].reverse(), (id) => dependencies.get(id) ?? []);
        assert.deepEqual(order, reversed);
        assert.equal(new Set(order).size, dependencies.size);
        for (const [id, waitsFor] of dependencies) {
          waitsFor.forEach((other) => assert.ok(order.indexOf(other) < order.indexOf(id)));
        }
      }),
    );
  });

  it('names the cycle', () => {
    const edges: Record<string, ('a' | 'b' | 'c')[]> = { a: ['b'], b: ['c'], c: ['a'] };
    assert.throws(
      () => dependencyOrder(['a', 'b', 'c'], (id) => edges[id] ?? []),
      (error: unknown) => error instanceof Failure && error.message.includes('a → b → c → a'),
    );
  });

  it('walks a chain of fifty thousand', () => {
    const ids = Array.from({ length: 50_000 }, (_, index) => `n${index}`);
    const order = dependencyOrder(ids, (id) => {
      const next = Number(id.slice(1)) + 1;
      return next < ids.length ? [`n${next}`] : [];
    });
    assert.equal(order[0], 'n49999');
  });
});

describe('effective dependencies', () => {
  it('join order, outputs and the target, without what the fleet does not have', () => {
    const server = thing('a', 'server');
    const other = thing('a', 'other');
    const role = thing(
      'b',
      'role',
      { port: { from: server.id, output: 'port' } },
      { dependsOn: [other.id, 'gone' as never] },
    );
    const found = effectiveDependencies([server, other, role], [worldTarget('a'), worldTarget('b', [server.id])]);
    assert.deepEqual(found.get(role.id), [other.id, server.id]);
    assert.deepEqual(found.get(server.id), []);
  });
});
