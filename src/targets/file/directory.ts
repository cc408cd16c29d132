import type { InventoryRecord, ResourceKind } from '../../engine/interfaces.ts';
import type { Change } from '../../model/change.ts';
import { digestOf } from '../../model/digest.ts';
import type { Resource } from '../../model/resource.ts';
import { judgeOwnership } from '../store/mark.ts';
import type { LocalSite } from '../process/local-site.ts';
import type { DirectorySpec } from './directory.spec.ts';
import { observeDirectories } from './directory-observe.ts';
import type { SeenDirectory } from './directory-observe.ts';
import { applyDirectories } from './directory-write.ts';

/**
 * `site/<site>/directory/<consumer>/<secret>`: what is delivered to a consumer, as a folder laid out like a Kubernetes
 * volume. A difference of any kind leads to a new generation; the folder never holds a mixture of two.
 */
export const directoryKind: ResourceKind<LocalSite, DirectorySpec, SeenDirectory> = {
  kind: 'directory',
  targetKind: 'site',
  onRemoval: 'remove',
  ownership: 'file',

  observe: observeDirectories,

  diff(wanted, seen, recorded) {
    if (wanted === undefined) {
      const { id, reclaimPolicy } = recorded as InventoryRecord;
      return reclaimPolicy === 'retain'
        ? { id, action: 'retain', fields: [], reason: 'left the fleet; reclaimPolicy: retain' }
        : { id, action: 'remove', fields: [], reason: 'left the fleet' };
    }
    if (seen === undefined) {
      return creation(wanted);
    }
    if (seen.problem !== undefined) {
      const { code, message, remedy } = seen.problem;
      return refusal(wanted, message, code, remedy);
    }
    if (seen.owner.by === 'nobody' && recorded?.state === 'present') {
      // Its marker was taken away by hand; the inventory still knows it.
      return { ...delivering(wanted, seen, recorded), action: 'update', reason: 'its marker is missing' };
    }
    const claim = judgeOwnership(wanted, seen.path, seen.owner, recorded?.state);
    if (claim.as === 'refused') {
      return claim.change;
    }
    if (claim.as === 'own') {
      return delivering(wanted, seen, recorded);
    }
    const [extra] = seen.extras;
    return extra === undefined
      ? { ...delivering(wanted, seen, recorded), action: 'adopt', reason: 'takes over the folder that is there' }
      : refusal(
          wanted,
          `${seen.path} holds ${extra}, which is not ours`,
          'folder-not-ours',
          `move it away: mv ${seen.path}/${extra} …`,
        );
  },

  outputs: (_resource, { path, generation }) => ({ directory: path, generation: generation ?? '' }),

  apply: applyDirectories,
};

function refusal({ id }: Resource<DirectorySpec>, reason: string, code: string, remedy = ''): Change {
  return { id, action: 'refused', fields: [], reason, refusal: { code, remedy } };
}

function creation({ id, spec }: Resource<DirectorySpec>): Change {
  return {
    id,
    action: 'create',
    fields: Object.entries(spec.sources).map(([alias, { path, version }]) => ({
      field: alias,
      after: path,
      ...(typeof version === 'string' ? { note: `version ${version}` } : {}),
    })),
  };
}

function delivering(
  { id, spec }: Resource<DirectorySpec>,
  seen: SeenDirectory,
  recorded: InventoryRecord | undefined,
): Change {
  const fields = seen.differences.map((field) => ({ field }));
  const update = (reason: string): Change => ({ id, action: 'update', fields, reason });
  if (seen.faults.length > 0) {
    return update(`was changed by hand: ${seen.faults.join('; ')}`);
  }
  const sameSpec = recorded?.appliedDigest === digestOf(spec);
  if (seen.content === 'different') {
    return update(sameSpec ? 'was changed by hand' : 'something newer is to be delivered');
  }
  if (seen.pending) {
    return update('is in place, but its consumer was not told');
  }
  const sameRecord = recorded?.fingerprint === seen.fingerprint && recorded.outputs?.generation === seen.generation;
  if (recorded === undefined || recorded.state !== 'present') {
    // Without a record the files themselves tell: those that are as they should be stay.
    return seen.content === 'same' && recorded === undefined
      ? { id, action: 'none', fields: [] }
      : update('is recorded anew');
  }
  return sameSpec && sameRecord ? { id, action: 'none', fields: [] } : update('is recorded anew');
}
