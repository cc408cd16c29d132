import { Failure } from '../model/failure.ts';
import { dependenciesOf } from '../model/resource.ts';
import type { ResourceId, TargetId } from '../model/ids.ts';
import type { Resource } from '../model/resource.ts';
import type { TargetDefinition } from '../model/compiled.ts';

/** All that each resource waits for: its own dependencies and those of its target; only what the fleet still has. */
export function effectiveDependencies(
  resources: readonly Resource[],
  targets: readonly TargetDefinition[],
): Map<ResourceId, readonly ResourceId[]> {
  const known = new Set(resources.map((resource) => resource.id));
  const ofTarget = new Map<TargetId, readonly ResourceId[]>(targets.map((target) => [target.id, target.dependsOn]));
  return new Map(
    resources.map((resource) => {
      const all = new Set([...dependenciesOf(resource), ...(ofTarget.get(resource.target) ?? [])]);
      all.delete(resource.id);
      return [resource.id, [...all].filter((id) => known.has(id)).sort()];
    }),
  );
}

/**
 * Ids in an order in which each comes after all that it waits for. The order is the same for the same graph, whatever
 * the order of the input. Edges to ids outside of `nodes` are ignored. Throws a Failure that names a cycle.
 */
export function dependencyOrder<Id extends string>(nodes: Iterable<Id>, dependencies: (id: Id) => readonly Id[]): Id[] {
  const sorted = [...nodes].sort();
  const known = new Set(sorted);
  const done = new Set<Id>();
  const order: Id[] = [];
  for (const root of sorted) {
    visit(root);
  }
  return order;

  // Without recursion: a chain of thousands of resources must not overflow the stack.
  function visit(root: Id): void {
    if (done.has(root)) {
      return;
    }
    const open = new Set<Id>([root]);
    const stack: { id: Id; waiting: Id[] }[] = [{ id: root, waiting: waitingOf(root) }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.waiting.pop();
      if (next === undefined) {
        stack.pop();
        open.delete(top.id);
        done.add(top.id);
        order.push(top.id);
      } else if (open.has(next)) {
        const cycle = [...open].slice([...open].indexOf(next));
        throw new Failure({
          code: 'dependency-cycle',
          message: `these wait for each other: ${[...cycle, next].join(' → ')}`,
          object: next,
          remedy: 'take one of the references out of the fleet',
        });
      } else if (!done.has(next)) {
        open.add(next);
        stack.push({ id: next, waiting: waitingOf(next) });
      }
    }
  }

  function waitingOf(id: Id): Id[] {
    return dependencies(id)
      .filter((other) => known.has(other))
      .sort()
      .reverse();
  }
}
