import { readCertificate } from '../../authority/certificate.ts';
import type { Certificate } from '../../authority/certificate.ts';
import type { Issuer } from '../../authority/issue.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import type { SecretEntry } from '../../stores/backend.ts';

/** Keys of entries that hold certificates. */
export const keys = { certificate: 'tls.crt', privateKey: 'tls.key', bundle: 'ca.crt', crl: 'crl.pem' } as const;

/** The value of a key. Throws a Failure when the entry does not hold it. */
export function valueOf(entry: SecretEntry, key: string): Secret {
  const value = entry.data.get(key);
  if (value === undefined) {
    throw new Failure({
      code: 'entry-incomplete',
      message: `entry ${entry.path} has no key ${key}`,
      why: 'certificate and key of an authority are written together and used together',
      remedy: 'bring the entry back from a backup of its store',
    });
  }
  return value;
}

/** An entry of the authority that is there. Throws a Failure when it is not. */
export function thereOf(entries: ReadonlyMap<string, SecretEntry>, path: string): SecretEntry {
  const entry = entries.get(path);
  if (entry === undefined) {
    throw new Failure({
      code: 'authority-missing',
      message: `the authority's entry ${path} is not there`,
      remedy: 'apply the whole fleet, or bring the entry back from a backup of its store',
    });
  }
  return entry;
}

/** A CA's entry as what signs. Throws a Failure when it is not whole. */
export function issuerOf(entry: SecretEntry): Issuer {
  return { certificatePem: valueOf(entry, keys.certificate).expose(), privateKey: valueOf(entry, keys.privateKey) };
}

/** A CA's certificate. Throws a Failure when the entry has none, or it cannot be read. */
export function certificateOf(entry: SecretEntry, what = entry.path): Certificate {
  return readCertificate(valueOf(entry, keys.certificate).expose(), what);
}

/** A judgement that must not throw: what cannot be read is a fault like the others. */
export function faultsOf(judge: () => readonly string[]): readonly string[] {
  try {
    return judge();
  } catch (error) {
    if (error instanceof Failure) {
      return [causeOf(error)];
    }
    throw error;
  }
}

/** What the inventory keeps of a certificate: SHA-256 of its DER and of its public key. */
export function certificateFingerprint(certificate: Pick<Certificate, 'fingerprint' | 'spkiSha256'>): string {
  return `${certificate.fingerprint}.${certificate.spkiSha256}`;
}
