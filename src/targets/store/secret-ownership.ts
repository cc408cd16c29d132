import type { InventoryRecord } from '../../engine/interfaces.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { EntryInfo, SecretBackend } from '../../stores/backend.ts';
import { readMark } from '../process/mark.ts';
import type { Mark } from '../process/mark.ts';
import { metadataNames, ownershipOf } from './mark.ts';
import type { Ownership } from './mark.ts';

/** The mark on a store as a whole. */
export async function mountMark(backend: SecretBackend): Promise<Mark | undefined> {
  return readMark(await backend.description?.());
}

/** An entry that is there, whose it is, and what it was written for and as. */
export interface Found {
  readonly info: EntryInfo;
  readonly owner: Ownership;
  readonly record: InventoryRecord | undefined;
  /** From the metadata where the entry is marked, else from the record. */
  readonly as: { readonly spec: string | undefined; readonly fingerprint: string | undefined };
}

export interface OwnershipFacts {
  readonly fleet: string;
  readonly id: ResourceId;
  readonly mount: Mark | undefined;
  readonly record: InventoryRecord | undefined;
}

export function foundEntry(info: EntryInfo, facts: OwnershipFacts): Found {
  const { record } = facts;
  const owner = secretOwnership(info, facts);
  const as =
    owner.by === 'mount'
      ? { spec: record?.appliedDigest, fingerprint: record?.fingerprint }
      : { spec: info.metadata[metadataNames.spec], fingerprint: info.metadata[metadataNames.fingerprint] };
  return { info, owner, record, as };
}

/**
 * Whose the entry of a secret is. A mount that bears a fleet's mark holds entries of that fleet, so none of them needs
 * one of its own: marking each would double the writes of a first apply. When such a mount loses its mark, an entry is
 * still ours as long as it is the very version that we wrote.
 */
export function secretOwnership(info: EntryInfo, { fleet, id, mount, record }: OwnershipFacts): Ownership {
  const owner = ownershipOf(info.metadata, fleet, id);
  if (owner.by !== 'nobody') {
    return owner;
  }
  if (mount !== undefined) {
    return mount.fleet === fleet ? { by: 'mount' } : { by: 'fleet', ...mount };
  }
  const asWritten = record?.state === 'present' && record.mark === undefined && record.version === info.version;
  return asWritten ? { by: 'mount' } : owner;
}
