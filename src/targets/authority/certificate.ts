import type { InventoryRecord, ResourceKind } from '../../engine/interfaces.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { formatDuration } from '../../model/duration.ts';
import type { Resource } from '../../model/resource.ts';
import { judgeOwnership } from '../store/mark.ts';
import type { CertificateSpec } from './authority.spec.ts';
import { observeCertificates } from './certificate-observe.ts';
import type { SeenCertificate } from './certificate-observe.ts';
import { certificateMoves, movesFromText } from './certificate-moves.ts';
import { applyCertificates, removeCertificates } from './certificate-write.ts';
import { judgeCertificate } from './certificate-judgement.ts';
import type { AuthoritySession } from './target.ts';

/**
 * `authority/<name>/certificate/<certificate>`: a leaf in a store's entry, with key, intermediate and bundle. Issued
 * again when it is due, was changed by hand, was revoked, or does not fit what is declared.
 */
export const certificateKind: ResourceKind<AuthoritySession, CertificateSpec, SeenCertificate> = {
  kind: 'certificate',
  targetKind: 'authority',
  onRemoval: 'retain',
  ownership: 'marked',

  observe: observeCertificates,

  moves: certificateMoves,

  diff(wanted, seen, recorded, { now, movesFrom }) {
    if (wanted === undefined) {
      const { id, reclaimPolicy } = recorded as InventoryRecord;
      return reclaimPolicy === 'delete'
        ? { id, action: 'remove', fields: [], reason: 'left the fleet' }
        : { id, action: 'retain', fields: [], reason: 'left the fleet; it is revoked, and its entry kept' };
    }
    if (seen === undefined) {
      return { ...creation(wanted), reason: movesFrom && movesFromText(wanted, movesFrom) };
    }
    const claim = judgeOwnership(wanted, wanted.spec.path, seen.owner, recorded?.state);
    return claim.as === 'refused' ? claim.change : keeping(wanted, seen, recorded, now, claim.as === 'adopted');
  },

  outputs: (_resource, seen) => seen.outputs ?? {},

  async *apply(session, changes, io) {
    yield* removeCertificates(
      session,
      changes.filter(({ resource }) => resource === undefined),
      io,
    );
    yield* applyCertificates(
      session,
      changes.filter(({ resource }) => resource !== undefined),
      io,
    );
  },
};

function creation({ id, spec }: Resource<CertificateSpec>): Change {
  return {
    id,
    action: 'create',
    fields: [
      { field: 'commonName', after: spec.commonName },
      ...(spec.hosts.length === 0 ? [] : [{ field: 'hosts', after: spec.hosts.join(', ') }]),
      { field: 'ttl', after: formatDuration(spec.ttlMilliseconds) },
    ],
  };
}

function keeping(
  resource: Resource<CertificateSpec>,
  seen: SeenCertificate,
  recorded: InventoryRecord | undefined,
  now: Date,
  adopted: boolean,
): Change {
  const { id, spec } = resource;
  const { need, reasons } = judgeCertificate(resource, seen, now);
  const before = recorded?.outputs?.version;
  const fields: FieldChange[] = [];
  if (need === 'reissue') {
    fields.push({ field: 'serial', before: String(seen.outputs?.serial ?? 'unreadable'), after: 'a new one' });
    const hosts = seen.hosts?.join(', ');
    if (hosts !== undefined && hosts !== spec.hosts.join(', ')) {
      fields.push({ field: 'hosts', before: hosts, after: spec.hosts.join(', ') });
    }
  } else if (before !== undefined && before !== seen.version) {
    fields.push({ field: 'version', before: String(before), after: seen.version });
  }
  if (adopted) {
    return { id, action: 'adopt', fields, reason: ['takes over what is there', ...reasons].join('; ') };
  }
  return need === 'nothing' && fields.length === 0
    ? { id, action: 'none', fields: [] }
    : { id, action: 'update', fields, reason: reasons.join('; ') || undefined };
}
