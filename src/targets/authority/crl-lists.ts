import { isCrlSignedBy, readCrls } from '../../authority/crl.ts';
import type { RevocationList } from '../../authority/crl.ts';
import type { Certificate } from '../../authority/certificate.ts';
import { clockSkewMilliseconds } from '../../authority/validity.ts';
import type { ApplyContext } from '../../engine/interfaces.ts';
import { Secret } from '../../model/secret.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import { compareContent } from '../store/entry-fingerprint.ts';
import { metadataNames } from '../store/mark.ts';
import type { CrlSpec } from './authority.spec.ts';
import { certificateOf, faultsOf, keys, thereOf } from './entry.ts';
import { readList } from './registry.ts';
import type { IssuedRecord, RevokedRecord } from './registry.ts';
import type { Signer } from './signer.ts';

const revokedKey = 'revoked';

/** Why the lists are not what a server needs: one for each CA, signed by it, and current. */
export function crlFaults(entry: SecretEntry, issuers: readonly Certificate[], now: Date): string[] {
  const lists = listsOf(entry);
  const faults = issuers.flatMap((issuer) => {
    const list = lists.find((each) => isCrlSignedBy(each, issuer));
    if (list === undefined) {
      return [`the list of ${issuer.subject.text} is missing`];
    }
    // A list that ends before its CA would lock every client out if nobody kept the fleet.
    const isEarly = list.thisUpdate.getTime() > now.getTime() + clockSkewMilliseconds;
    return list.nextUpdate === undefined || list.nextUpdate < issuer.notAfter || isEarly
      ? [`the list of ${issuer.subject.text} does not last as long as its CA`]
      : [];
  });
  return lists.length > issuers.length && issuers.length > 0 ? [...faults, 'there are lists of other CAs'] : faults;
}

function listsOf(entry: SecretEntry | undefined): readonly RevocationList[] {
  const pem = entry?.data.get(keys.crl)?.expose();
  return pem === undefined ? [] : readCrls(pem, `${entry?.path} ${keys.crl}`);
}

/** Serials that stand in the lists; none when they cannot be read. */
export function publishedSerials(entry: SecretEntry): readonly string[] {
  try {
    return listsOf(entry).flatMap(({ revoked }) => revoked.map(({ serial }) => serial));
  } catch {
    // Unreadable lists are a fault, told above; they are written anew.
    return [];
  }
}

/** The entry's content: as it is when nothing is wrong with it, else one new list per CA. */
export async function makeLists(
  signer: Signer,
  spec: CrlSpec,
  entries: ReadonlyMap<string, SecretEntry>,
  registry: readonly IssuedRecord[],
  current: SecretEntry | undefined,
  io: ApplyContext,
): Promise<ReadonlyMap<string, Secret>> {
  const now = io.environment.now();
  const issuers = spec.issuers.map(({ path }) => thereOf(entries, path));
  const certificates = issuers.map((issuer) => certificateOf(issuer));
  const revoked = revokedNow(registry, current, now);
  if (current !== undefined && !wasChangedByHand(current, io) && isAsItShouldBe(current, certificates, revoked, now)) {
    return current.data;
  }
  const pems: string[] = [];
  for (const [index, issuer] of issuers.entries()) {
    const certificate = certificates[index] as Certificate;
    const own = revoked.filter((each) => each.issuer === certificate.fingerprint);
    pems.push(
      await signer.list(
        issuer,
        {
          revoked: own.map(({ serial, at }) => ({ serial, at: new Date(at) })),
          number: nextNumber(current, certificate, now),
        },
        io.environment,
      ),
    );
  }
  return new Map([
    [keys.crl, new Secret(pems.join(''))],
    [revokedKey, new Secret(JSON.stringify(revoked))],
  ]);
}

/** What the lists hold: the registry's revoked ones, and what an earlier list held, until they expire. */
function revokedNow(
  registry: readonly IssuedRecord[],
  current: SecretEntry | undefined,
  now: Date,
): readonly RevokedRecord[] {
  const all = new Map<string, RevokedRecord>();
  for (const record of readableRevoked(current)) {
    all.set(record.serial, record);
  }
  for (const { serial, revokedAt, issuer, notAfter } of registry) {
    if (revokedAt !== undefined && !all.has(serial)) {
      all.set(serial, { serial, at: revokedAt, issuer, notAfter });
    }
  }
  return [...all.values()]
    .filter(({ notAfter }) => Date.parse(notAfter) > now.getTime())
    .sort((one, other) => (one.serial < other.serial ? -1 : 1));
}

/** A list that somebody damaged by hand is made anew from the registry, which remembers the same. */
function readableRevoked(current: SecretEntry | undefined): readonly RevokedRecord[] {
  try {
    return readList<RevokedRecord>(current, revokedKey).filter(({ serial, at, issuer, notAfter }) =>
      [serial, at, issuer, notAfter].every((text) => typeof text === 'string'),
    );
  } catch {
    return [];
  }
}

function isAsItShouldBe(
  current: SecretEntry,
  issuers: readonly Certificate[],
  revoked: readonly RevokedRecord[],
  now: Date,
): boolean {
  if (faultsOf(() => crlFaults(current, issuers, now)).length > 0) {
    return false;
  }
  const published = new Set(publishedSerials(current));
  const fingerprints = new Set(issuers.map(({ fingerprint }) => fingerprint));
  return revoked.every(({ serial, issuer }) => published.has(serial) || !fingerprints.has(issuer));
}

function wasChangedByHand(current: SecretEntry, io: ApplyContext): boolean {
  const stored = current.metadata[metadataNames.fingerprint];
  return compareContent(io.fingerprint, stored, current.path, current.data) === 'different';
}

/** Grows with each list of one CA. Where the last list was lost, the seconds of the clock are more than there were lists. */
function nextNumber(current: SecretEntry | undefined, issuer: Certificate, now: Date): number {
  if (current === undefined) {
    return 1;
  }
  try {
    const last = listsOf(current).find((list) => isCrlSignedBy(list, issuer))?.number;
    return last === undefined ? 1 : last + 1;
  } catch {
    return Math.floor(now.getTime() / 1000);
  }
}
