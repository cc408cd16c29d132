import type { Certificate } from '../../authority/certificate.ts';
import type { InventoryRecord } from '../../engine/interfaces.ts';
import { digestOf } from '../../model/digest.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { OutputValue } from '../../model/resource.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import type { CaSpec } from './authority.spec.ts';

/** Entry of a CA. */
export function caPath({ path, role }: CaSpec): string {
  return `${path}/${role}`;
}

/** Entry of a CA that left the fleet: its role is the last part of its id. */
export function leavingCaPath(authorityPath: string, id: ResourceId): string {
  return `${authorityPath}/${parseResourceId(id).names.join('/')}`;
}

/** Digest of what a CA was made for; where it lies and who signed it are no part of it. */
export function caDigest({ key, ttlMilliseconds, subject }: CaSpec): string {
  return digestOf({ key, ttlMilliseconds, subject });
}

/** Outputs of a CA's certificate. */
export function caOutputs(version: string, certificate: Certificate): Readonly<Record<string, OutputValue>> {
  return {
    version,
    fingerprint: certificate.fingerprint,
    notAfter: certificate.notAfter.toISOString(),
    subject: certificate.subject.text,
  };
}

/** The entry in the version that we recorded last, when it can still be read. */
export async function restorableEntry(
  backend: SecretBackend,
  path: string,
  record: InventoryRecord | undefined,
): Promise<SecretEntry | undefined> {
  if (record?.version === undefined) {
    return undefined;
  }
  const answer = await backend.read(path, record.version);
  return answer.state === 'present' ? answer.seen : undefined;
}
