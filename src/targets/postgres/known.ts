import type { RunContext } from '../../engine/interfaces.ts';
import type { ResourceId } from '../../model/ids.ts';

/** Output of every resource by which something is granted: that it is one of this fleet. */
export const granted = { granted: true } as const;

/**
 * Tells whether a grant is one that the fleet asks for. A kind that takes away what nobody asked for sees only a part of
 * what is wanted at times (those whose turn has come); outputs of the others are known to the run.
 */
export function knownGrants(
  wanted: readonly { readonly id: ResourceId }[],
  context: Pick<RunContext, 'output'>,
): (id: ResourceId) => boolean {
  const ids = new Set(wanted.map(({ id }) => id));
  return (id) => ids.has(id) || context.output(id, 'granted') === true;
}
