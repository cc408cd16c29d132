import type { InventoryRecord, ResourceKind } from '../../engine/interfaces.ts';
import type { Change } from '../../model/change.ts';
import { formatDuration } from '../../model/duration.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { judgeOwnership } from '../store/mark.ts';
import { applyRemovals } from '../store/removal.ts';
import type { CaSpec } from './authority.spec.ts';
import { caDigest, leavingCaPath } from './ca-entry.ts';
import { observeCas } from './ca-observe.ts';
import type { SeenCa } from './ca-observe.ts';
import { applyCas } from './ca-write.ts';
import type { CaRole } from './signer.ts';
import type { AuthoritySession } from './target.ts';

/**
 * `authority/<name>/ca/<role>`: key and certificate of a CA. Made once; what would retire it (another key, ttl or
 * subject, its coming end) is an operation, because verifiers hold it.
 */
export const caKind: ResourceKind<AuthoritySession, CaSpec, SeenCa> = {
  kind: 'ca',
  targetKind: 'authority',
  onRemoval: 'retain',
  ownership: 'marked',

  observe: observeCas,

  diff(wanted, seen, recorded, { now }) {
    if (wanted === undefined) {
      const id = (recorded as InventoryRecord).id;
      return recorded?.reclaimPolicy === 'delete'
        ? { id, action: 'remove', fields: [], reason: 'left the fleet; reclaimPolicy: delete' }
        : { id, action: 'retain', fields: [], reason: 'left the fleet; its key is kept' };
    }
    if (seen === undefined) {
      return creation(wanted);
    }
    if (seen.missing && seen.former !== undefined) {
      return moving(wanted, seen.former);
    }
    const claim = judgeOwnership(wanted, seen.path, seen.owner, recorded?.state);
    if (claim.as === 'refused') {
      return claim.change;
    }
    return claim.as === 'adopted' ? adoption(wanted, seen) : keeping(wanted, seen, recorded, now);
  },

  outputs: (_resource, seen) => seen.outputs ?? {},

  async *apply(session, changes, io) {
    const leaving = changes.filter(({ resource }) => resource === undefined);
    for (const { change } of leaving.filter(({ change: { action } }) => action === 'remove')) {
      io.guard();
      await session.signer.destroy?.(parseResourceId(change.id).names[0] as CaRole);
    }
    yield* applyRemovals(session.backend, leaving, io, ({ change }) => leavingCaPath(session.path, change.id));
    yield* applyCas(
      session,
      changes.filter(({ resource }) => resource !== undefined),
      io,
    );
  },
};

function creation({ id, spec }: Resource<CaSpec>): Change {
  return {
    id,
    action: 'create',
    fields: [
      { field: 'key', after: spec.key },
      { field: 'ttl', after: formatDuration(spec.ttlMilliseconds) },
      { field: 'subject', after: spec.subject.commonName },
    ],
  };
}

/** Its store was changed: key and certificate go along, or nothing does. */
function moving({ id, spec }: Resource<CaSpec>, { store, path, obstacle }: NonNullable<SeenCa['former']>): Change {
  const from = `moves from store ${store}`;
  if (obstacle === undefined) {
    return { id, action: 'update', fields: [{ field: 'store', before: store, after: spec.store }], reason: from };
  }
  return {
    id,
    action: 'refused',
    fields: [],
    reason: `${from}, ${path}: ${obstacle.why}`,
    refusal: {
      code: obstacle.code,
      remedy: `name store ${store} in the Authority again; a new authority is another document`,
    },
  };
}

/** Somebody's own CA is taken over as it is, when it is one. */
function adoption({ id }: Resource<CaSpec>, seen: SeenCa): Change {
  const [fault] = seen.faults;
  if (fault !== undefined) {
    return {
      id,
      action: 'refused',
      fields: [],
      reason: `${seen.path} cannot be taken over: ${fault}`,
      refusal: { code: 'ca-unusable', remedy: 'put a CA certificate and its key there (tls.crt, tls.key)' },
    };
  }
  return { id, action: 'adopt', fields: [], reason: `takes over ${seen.outputs?.subject ?? seen.path}` };
}

function keeping(
  { id, spec }: Resource<CaSpec>,
  seen: SeenCa,
  recorded: InventoryRecord | undefined,
  now: Date,
): Change {
  const { targetName } = seen;
  const operation = (reason: string): Change => ({
    id,
    action: 'operation',
    fields: [],
    reason,
    needs: `keywright rotate authority/${targetName}`,
  });
  if (seen.missing) {
    return { id, action: 'update', fields: [], reason: 'its entry was removed by hand; it is written again' };
  }
  if (seen.content === 'different' || seen.deleted) {
    const what = seen.deleted ? 'was deleted by hand' : 'was changed by hand';
    return seen.restorable
      ? { id, action: 'update', fields: [], reason: `${what}; what verifiers hold is put back` }
      : operation(`${what}, and what it was is not kept any more`);
  }
  const [fault] = seen.faults;
  if (fault !== undefined) {
    return operation(fault);
  }
  const { key } = seen;
  if (key?.state === 'gone' && !key.inEntry) {
    return operation('its key is not in the PKI engine any more');
  }
  const mends = [
    ...(key?.inEntry ? ['its key moves into the PKI engine, where nobody reads it'] : []),
    ...(key?.state === 'unlisted' ? ['its certificate was removed from the PKI engine; it is put back'] : []),
    ...(seen.former === undefined ? [] : [`what is left in store ${seen.former.store} is let go`]),
  ];
  if (mends.length > 0 || (key?.drift.length ?? 0) > 0) {
    return { id, action: 'update', fields: key?.drift ?? [], reason: mends.join('; ') || undefined };
  }
  if (seen.specDigest !== undefined && seen.specDigest !== caDigest(spec)) {
    return operation('key, ttl or subject are declared anew');
  }
  if (seen.validity !== undefined && isDue(seen.validity, now)) {
    return operation(`ends on ${seen.validity.notAfter.slice(0, 10)}`);
  }
  if (seen.content === 'unknown' || seen.specDigest === undefined || seen.owner.by !== 'us') {
    return { id, action: 'update', fields: [], reason: 'its mark and fingerprint are made anew' };
  }
  const before = recorded?.outputs?.version;
  return before === undefined || before === seen.version
    ? { id, action: 'none', fields: [] }
    : { id, action: 'update', fields: [{ field: 'version', before: String(before), after: seen.version }] };
}

/** Within the last third of its life: a new one takes its time to reach every verifier. */
function isDue({ notBefore, notAfter }: { readonly notBefore: string; readonly notAfter: string }, now: Date): boolean {
  const end = Date.parse(notAfter);
  return now.getTime() >= end - (end - Date.parse(notBefore)) / 3;
}
