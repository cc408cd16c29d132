import type { Applied, ApplyContext, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import type { Change } from '../../model/change.ts';
import { digestOf } from '../../model/digest.ts';
import type { Resource } from '../../model/resource.ts';
import type { SecretBackend } from '../../stores/backend.ts';
import { applyRemovals } from './removal.ts';
import { describeCreation, describeMove, describeUpdate, importRefusal } from './secret-changes.ts';
import { observeSecrets, secretPath } from './secret-observe.ts';
import type { SeenSecret } from './secret-observe.ts';
import { writeSecrets } from './secret-write.ts';
import type { SecretSpec } from './secret.spec.ts';
import { judgeOwnership, takesOverWhatWasKept } from './mark.ts';
import { secretMoves } from './secret-moves.ts';
import { mountMark, secretOwnership } from './secret-ownership.ts';

/**
 * `store/<Store>/secret/<path>`: an entry of a store. A second apply writes nothing; what is missing is added; a value
 * that is there is never generated anew.
 */
export const secretKind: ResourceKind<SecretBackend, SecretSpec, SeenSecret> = {
  kind: 'secret',
  targetKind: 'store',
  onRemoval: 'retain',
  ownership: 'marked',

  observe: observeSecrets,

  moves: secretMoves,

  diff(wanted, seen, recorded, { movesFrom }) {
    if (wanted === undefined) {
      return removalOf(recorded?.id, recorded?.reclaimPolicy);
    }
    const { id } = wanted;
    const refused = importRefusal(wanted, seen?.unavailable ?? []);
    if (seen === undefined || seen.version === undefined) {
      if (movesFrom !== undefined) {
        return describeMove(wanted, movesFrom, 'create');
      }
      return refused ?? describeCreation(wanted);
    }
    const claim = judgeOwnership(wanted, wanted.spec.path, seen.owner, recorded?.state);
    // The remedy of a missing import is `secret put`, so what it leaves behind is taken up without further leave.
    const putForUs = seen.owner.by === 'nobody' && seen.putByHand;
    if (claim.as === 'refused' && !putForUs) {
      return claim.change;
    }
    if (movesFrom !== undefined && takesOverWhatWasKept(claim, recorded)) {
      return describeMove(wanted, movesFrom, 'adopt');
    }
    if (refused !== undefined) {
      return refused;
    }
    const update = describeUpdate(wanted, seen, recorded, digestOf(wanted.spec));
    if (claim.as !== 'own') {
      const reason = putForUs ? 'takes up what was put by hand' : 'takes over what is there';
      return { id, action: 'adopt', fields: update?.fields ?? [], reason };
    }
    return update ?? { id, action: 'none', fields: [] };
  },

  outputs: (_resource, { version }): Readonly<Record<string, string>> => (version === undefined ? {} : { version }),

  async *apply(
    session: SecretBackend,
    changes: readonly ReadyChange<SecretSpec, SeenSecret>[],
    io: ApplyContext,
  ): AsyncIterable<Applied> {
    const mount = await mountMark(session);
    yield* applyRemovals(
      session,
      changes.filter(({ resource }) => resource === undefined),
      io,
      ({ change }) => secretPath(change.id),
      (info, { change: { id }, recorded }) => secretOwnership(info, { fleet: io.fleet, id, mount, record: recorded }),
    );
    yield* writeSecrets({ backend: session, mount, io }, changes.filter(hasResource));
  },
};

function hasResource(
  change: ReadyChange<SecretSpec, SeenSecret>,
): change is ReadyChange<SecretSpec, SeenSecret> & { readonly resource: Resource<SecretSpec> } {
  return change.resource !== undefined;
}

function removalOf(id: Change['id'] | undefined, policy: 'retain' | 'delete' | undefined): Change {
  if (id === undefined) {
    throw new TypeError('a removal without a record');
  }
  return policy === 'delete'
    ? { id, action: 'remove', fields: [], reason: 'left the fleet; reclaimPolicy: delete' }
    : { id, action: 'retain', fields: [], reason: 'left the fleet; what it holds is kept' };
}
