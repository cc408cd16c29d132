import type { ApplyContext } from '../../engine/interfaces.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { SecretBackend } from '../../stores/backend.ts';
import { markedMetadata } from '../store/mark.ts';
import type { CrlSpec } from './authority.spec.ts';
import { likenessOf } from './certificate-moves.ts';
import { changeRegistry } from './registry.ts';
import type { IssuedRecord } from './registry.ts';

export interface RevokeRequest {
  readonly backend: SecretBackend;
  /** Folder of the authority's entries. */
  readonly authorityPath: string;
  /** Lower-case hex, as in the output `serial` of a certificate. */
  readonly serial: string;
  readonly now: Date;
  /** Throws when nothing may be written any more. */
  readonly guard: () => void;
}

/**
 * Notes in an authority's registry that a certificate is to be revoked. The next apply puts it into the revocation list,
 * and gives whoever still uses it a new one. Answers the id of the certificate, undefined when no such serial was issued
 * or it has expired. Asking twice changes nothing.
 */
export async function revokeSerial(request: RevokeRequest): Promise<string | undefined> {
  const { backend, authorityPath, serial, now, guard } = request;
  let id: string | undefined;
  await changeRegistry(backend, authorityPath, { now, guard, metadata: (metadata) => metadata }, (issued) => {
    const found = unexpired(issued, now).find((record) => record.serial === serial);
    id = found?.id;
    return found === undefined || found.revokedFor === 'asked' ? issued : revoke(issued, [found], now, 'asked');
  });
  return id;
}

/** How the registry is written: marked as part of the authority's revocation lists. */
export function registryOptions(io: ApplyContext, crl: ResourceId, now: Date): Parameters<typeof changeRegistry>[2] {
  return { now, guard: () => io.guard(), metadata: (metadata) => markedMetadata(metadata, io.fleet, crl, {}) };
}

/** What may still be presented. */
export function unexpired(issued: readonly IssuedRecord[], now: Date): readonly IssuedRecord[] {
  return issued.filter(({ notAfter }) => Date.parse(notAfter) > now.getTime());
}

/** What a registry lacks: certificates to revoke, and those whose resource is active again under a revoked one. */
export interface Due {
  readonly leaving: readonly IssuedRecord[];
  readonly returned: readonly IssuedRecord[];
}

/**
 * A certificate is due for revocation when its resource is not active while it is still valid, and none that is active
 * is about to take it over. One that was revoked so
 * stays revoked when its resource becomes active again, but then its owner has to get a new one.
 */
export function dueForRevocation(
  issued: readonly IssuedRecord[],
  { active, heirs = [] }: Pick<CrlSpec, 'active' | 'heirs'>,
  now: Date,
): Due {
  const kept = new Set<string>(active);
  const registered = new Set(issued.map(({ id }) => id));
  const awaited = new Set(heirs.filter(({ id }) => !registered.has(id)).flatMap(likenessOf));
  const isTakenOver = ({ like = [] }: IssuedRecord): boolean => like.some((each) => awaited.has(each));
  const valid = unexpired(issued, now);
  return {
    leaving: valid.filter((each) => each.revokedAt === undefined && !kept.has(each.id) && !isTakenOver(each)),
    returned: valid.filter(({ id, revokedFor }) => revokedFor === 'left' && kept.has(id)),
  };
}

/** The registry with these revoked, and why. The time of an earlier revocation stays. */
export function revoke(
  issued: readonly IssuedRecord[],
  revoked: readonly IssuedRecord[],
  now: Date,
  revokedFor: 'left' | 'asked',
): readonly IssuedRecord[] {
  const serials = new Set(revoked.map(({ serial }) => serial));
  return issued.map((record) =>
    serials.has(record.serial) ? { ...record, revokedAt: record.revokedAt ?? now.toISOString(), revokedFor } : record,
  );
}
