import type { Change } from '../../model/change.ts';
import { Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { Metadata } from '../../stores/backend.ts';

/** Names of our own custom metadata; everything else in an entry's metadata belongs to somebody else and is kept. */
export const metadataNames = {
  /** Who made the entry: `fleet=<fleet> id=<resource id>`. */
  mark: 'keywright',
  /** SHA-256 of the spec that the entry was written for, outputs resolved. */
  spec: 'keywright-spec',
  /** Keyed fingerprint of the content, by which a change by hand is noticed. */
  fingerprint: 'keywright-fingerprint',
} as const;

/** Whose an entry is, as told by its mark. */
export type Ownership =
  | { readonly by: 'us' }
  | { readonly by: 'nobody' }
  /** It bears no mark, and needs none: it lies in a mount of this fleet. */
  | { readonly by: 'mount' }
  /** Another resource of this fleet. */
  | { readonly by: 'sibling'; readonly id: string }
  | { readonly by: 'fleet'; readonly fleet: string; readonly id: string };

/** The mark of a resource of a fleet. */
export function markOf(fleet: string, id: ResourceId): string {
  return `fleet=${fleet} id=${id}`;
}

/** Whose mark an entry bears. A mark that cannot be read is somebody else's. */
export function ownershipOf(metadata: Metadata, fleet: string, id: ResourceId): Ownership {
  const mark = metadata[metadataNames.mark];
  if (mark === undefined) {
    return { by: 'nobody' };
  }
  const parts = /^fleet=(\S+) id=(\S+)$/.exec(mark);
  const marked = { fleet: parts?.[1] ?? mark, id: parts?.[2] ?? '' };
  if (marked.fleet !== fleet) {
    return { by: 'fleet', ...marked };
  }
  return marked.id === id ? { by: 'us' } : { by: 'sibling', id: marked.id };
}

/** An entry's metadata with our own part replaced. */
export function markedMetadata(
  metadata: Metadata,
  fleet: string,
  id: ResourceId,
  facts: { readonly spec?: string; readonly fingerprint?: string },
): Metadata {
  return {
    ...unmarkedMetadata(metadata),
    [metadataNames.mark]: markOf(fleet, id),
    ...(facts.spec === undefined ? {} : { [metadataNames.spec]: facts.spec }),
    ...(facts.fingerprint === undefined ? {} : { [metadataNames.fingerprint]: facts.fingerprint }),
  };
}

/** An entry's metadata without anything of ours. */
export function unmarkedMetadata(metadata: Metadata): Metadata {
  const ours: readonly string[] = Object.values(metadataNames);
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => !ours.includes(name)));
}

/** What a kind may do with an entry that is there: take it as its own, adopt it, or refuse. */
export type Claim =
  | { readonly as: 'own' }
  | { readonly as: 'adopted' }
  | { readonly as: 'refused'; readonly change: Change };

/** What is thrown when a refusal shows only while entries are written: somebody put one there since the plan. */
export function refusalOf({ id, reason = '', refusal }: Change): Failure {
  return new Failure({ code: refusal?.code ?? 'refused', message: reason, object: id, remedy: refusal?.remedy });
}

/**
 * Judges an entry that is there before anything is written to it. An unmarked one is ours when its creation was
 * intended (a crash came between value and mark), or when it was retained by us; else only under `adopt-existing`.
 */
export function judgeOwnership(
  resource: Resource,
  path: string,
  owner: Ownership,
  state: 'intended' | 'present' | 'retained' | undefined,
): Claim {
  const { id } = resource;
  const refuse = (code: string, reason: string, remedy: string): Claim => ({
    as: 'refused',
    change: { id, action: 'refused', fields: [], reason, refusal: { code, remedy } },
  });
  switch (owner.by) {
    case 'us':
      return { as: 'own' };
    case 'mount':
      return state === 'retained' ? { as: 'adopted' } : { as: 'own' };
    case 'fleet':
      return refuse(
        'foreign-mark',
        `${path} belongs to fleet ${owner.fleet}${owner.id === '' ? '' : ` (${owner.id})`}`,
        'use another path, or let that fleet give it up first',
      );
    case 'sibling':
      // Renamed: the same kind of thing at the same path. Another kind would replace what the entry holds.
      return kindOf(owner.id) === parseResourceId(id).kind
        ? { as: 'own' }
        : refuse(
            'path-taken',
            `${path} already holds ${owner.id} of this fleet`,
            'use another path, or take the other one out of the fleet and apply first',
          );
    case 'nobody':
      if (state === 'intended') {
        return { as: 'own' };
      }
      return state === 'retained' || resource.allow?.some(({ rule }) => rule === 'adopt-existing') === true
        ? { as: 'adopted' }
        : refuse(
            'adopt-existing',
            `${path} is there already and was not made by this fleet`,
            'use another path, or take it over: allow: [{ rule: adopt-existing, reason: … }]',
          );
  }
}

/** The entry was let go of by us once, and comes back: what moves here is newer than what it holds. */
export function takesOverWhatWasKept(claim: Claim, recorded: { readonly state: string } | undefined): boolean {
  return claim.as === 'adopted' && recorded?.state === 'retained';
}

function kindOf(id: string): string | undefined {
  try {
    return parseResourceId(id).kind;
  } catch {
    return undefined;
  }
}
