import { presentedChain } from '../../authority/bundle.ts';
import { isSignedBy, publicKeyOf } from '../../authority/certificate.ts';
import type { Certificate } from '../../authority/certificate.ts';
import { parseHosts } from '../../authority/hosts.ts';
import type { KeyAlgorithm } from '../../authority/keys.ts';
import { validatePath } from '../../authority/validate.ts';
import { clockSkewMilliseconds } from '../../authority/validity.ts';
import type { InventoryRecord, RunContext } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { OutputValue, Resource } from '../../model/resource.ts';
import type { EntryInfo, SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { compareContent } from '../store/entry-fingerprint.ts';
import { readPresent } from '../store/entries.ts';
import { metadataNames, ownershipOf } from '../store/mark.ts';
import type { Ownership } from '../store/mark.ts';
import { leavingAnswer } from '../store/removal.ts';
import type { CertificateSpec } from './authority.spec.ts';
import { certificateOf, faultsOf, keys, valueOf } from './entry.ts';
import { formerPlace, readFormer } from './moved.ts';
import type { Place } from './moved.ts';
import { readRegistry, registryPath } from './registry.ts';
import type { IssuedRecord } from './registry.ts';
import { isStoreNotMade } from './target.ts';
import type { AuthoritySession } from './target.ts';

/** What a store says of a certificate's entry, judged offline. */
export interface SeenCertificate {
  readonly path: string;
  readonly version: string;
  readonly owner: Ownership;
  readonly deleted: boolean;
  readonly content: 'same' | 'different' | 'unknown';
  /** Why it has to be issued anew, whatever the time. */
  readonly faults: readonly string[];
  /** Bundle and intermediates beside the leaf are those that are there now. */
  readonly surroundingsCurrent: boolean;
  /** The registry knows its serial, so it can be revoked. */
  readonly registered: boolean;
  readonly revoked?: 'left' | 'asked';
  /** Where it lay before its store or path was changed; `moves` while it is there and not here. */
  readonly former?: Place & { readonly moves: boolean };
  readonly notBefore?: string;
  readonly hosts?: readonly string[];
  readonly outputs?: Readonly<Record<string, OutputValue>>;
}

/** The authority's side: what certificates are judged against. */
interface AuthorityFacts {
  readonly entries: ReadonlyMap<string, SecretEntry>;
  readonly registries: ReadonlyMap<string, ReadonlyMap<string, IssuedRecord>>;
}

export async function observeCertificates(
  session: AuthoritySession,
  wanted: readonly Resource<CertificateSpec>[],
  recorded: readonly InventoryRecord[],
  context: RunContext,
): Promise<ReadonlyMap<ResourceId, Answer<SeenCertificate>>> {
  const answers = new Map<ResourceId, Answer<SeenCertificate>>();
  const wantedIds = new Set(wanted.map(({ id }) => id));
  const records = new Map(recorded.map((record) => [record.id, record]));
  for (const record of recorded.filter(({ id }) => !wantedIds.has(id))) {
    answers.set(record.id, await leavingCertificate(session, record, context));
  }
  const facts = await readAuthority(session.backend, wanted);
  for (const store of new Set(wanted.map(({ spec }) => spec.store))) {
    const ofStore = wanted.filter(({ spec }) => spec.store === store);
    const backend = await storeIfMade(context, store);
    const paths = ofStore.map(({ spec }) => spec.path);
    const infos = backend === undefined ? new Map<string, EntryInfo>() : await backend.infoMany(paths);
    const entries =
      backend === undefined ? new Map<string, SecretEntry>() : await readPresent(backend, [...infos.keys()]);
    for (const resource of ofStore) {
      const { id, spec } = resource;
      const info = infos.get(spec.path);
      const former = formerPlace(records.get(id), spec);
      const old = former && info === undefined ? await readFormer(former, context) : undefined;
      // One that cannot be had where it was is issued anew: nothing is lost but the wish to keep it.
      const there = info ?? (typeof old === 'object' ? old : undefined);
      const entry = info === undefined ? there : entries.get(spec.path);
      const seen = there && seenOf(resource, there, entry as SecretEntry | undefined, facts, context);
      const from = former && { former: { ...former, moves: info === undefined } };
      answers.set(id, seen === undefined ? absent : present({ ...seen, ...from }));
    }
  }
  return answers;
}

/** One that lies where it was under another id, judged as the new one; undefined: nothing can be had there. */
export async function seeMoved(
  session: AuthoritySession,
  resource: Resource<CertificateSpec>,
  from: InventoryRecord | undefined,
  context: RunContext,
): Promise<{ readonly seen: SeenCertificate; readonly entry: SecretEntry } | undefined> {
  const place = from && formerPlace(from, resource.spec);
  const entry = place && (await readFormer(place, context));
  if (from === undefined || typeof entry !== 'object') {
    return undefined;
  }
  const facts = await readAuthority(session.backend, [resource]);
  const seen = seenOf(resource, entry, entry, facts, context);
  return { seen: { ...seen, owner: ownershipOf(entry.metadata, context.fleet, from.id) }, entry };
}

/** Outputs of a certificate that lies in a store. */
export function certificateOutputs(version: string, certificate: Certificate): Readonly<Record<string, OutputValue>> {
  return {
    version,
    serial: certificate.serial,
    fingerprint: certificate.fingerprint,
    notAfter: certificate.notAfter.toISOString(),
    issuer: certificate.issuer.text,
  };
}

async function leavingCertificate(
  session: AuthoritySession,
  record: InventoryRecord,
  context: RunContext,
): Promise<Answer<SeenCertificate>> {
  const backend = await storeIfMade(context, String(record.removal?.store ?? session.store));
  const path = record.removal?.path;
  if (backend === undefined) {
    return absent;
  }
  // A run that was killed between entry and record left only the mark to find it by.
  const infos =
    typeof path === 'string' ? await backend.infoMany([path]) : await markedEntries(backend, record, context);
  const info = [...infos.values()][0];
  return leavingAnswer(context.fleet, record, info, (found) => bare(found, { by: 'us' }));
}

async function markedEntries(
  backend: SecretBackend,
  { id }: InventoryRecord,
  context: RunContext,
): Promise<ReadonlyMap<string, EntryInfo>> {
  const all = backend.features.listWithMetadata ? await backend.list('') : [];
  return new Map(
    all.filter(({ metadata }) => ownershipOf(metadata, context.fleet, id).by === 'us').map((info) => [info.path, info]),
  );
}

async function storeIfMade(context: RunContext, store: string): Promise<SecretBackend | undefined> {
  try {
    return await context.store(store);
  } catch (error) {
    if (isStoreNotMade(error)) {
      return undefined;
    }
    throw error;
  }
}

async function readAuthority(
  backend: SecretBackend,
  wanted: readonly Resource<CertificateSpec>[],
): Promise<AuthorityFacts> {
  const registryPaths = wanted.map(({ spec }) => registryPath(spec.authorityPath));
  const paths = wanted.flatMap(({ spec }) => [spec.issuer.path, spec.bundle.path]);
  const entries = await readPresent(backend, [...paths, ...registryPaths]);
  const registries = new Map(
    [...new Set(registryPaths)].map((path) => [
      path,
      new Map(readRegistry(entries.get(path)).map((record) => [record.serial, record])),
    ]),
  );
  return { entries, registries };
}

function bare(info: EntryInfo, owner: Ownership): SeenCertificate {
  return {
    path: info.path,
    version: info.version,
    owner,
    deleted: info.deleted,
    content: 'unknown',
    faults: [],
    surroundingsCurrent: true,
    registered: true,
  };
}

function seenOf(
  { id, spec }: Resource<CertificateSpec>,
  info: EntryInfo,
  entry: SecretEntry | undefined,
  facts: AuthorityFacts,
  context: RunContext,
): SeenCertificate {
  const seen = bare(info, ownershipOf(info.metadata, context.fleet, id));
  if (entry === undefined) {
    return seen;
  }
  const stored = info.metadata[metadataNames.fingerprint];
  const content = compareContent(context.fingerprint, stored, info.path, entry.data);
  const issuer = facts.entries.get(spec.issuer.path);
  const bundle = facts.entries.get(spec.bundle.path)?.data.get(keys.bundle)?.expose();
  let leaf: Certificate | undefined;
  let surroundingsCurrent = true;
  const faults = faultsOf(() => {
    leaf = certificateOf(entry);
    const intermediate = issuer === undefined ? undefined : certificateOf(issuer);
    surroundingsCurrent = hasCurrentSurroundings(entry, leaf, intermediate, bundle);
    return certificateFaults(spec, entry, leaf, intermediate, bundle, context.environment.now());
  });
  if (leaf === undefined) {
    return { ...seen, content, faults };
  }
  const issued = facts.registries.get(registryPath(spec.authorityPath))?.get(leaf.serial);
  return {
    ...seen,
    content,
    faults,
    surroundingsCurrent,
    registered: issued?.id === id,
    revoked: issued?.revokedFor,
    notBefore: leaf.notBefore.toISOString(),
    hosts: leaf.hosts,
    outputs: certificateOutputs(info.version, leaf),
  };
}

function hasCurrentSurroundings(
  entry: SecretEntry,
  leaf: Certificate,
  intermediate: Certificate | undefined,
  bundle: string | undefined,
): boolean {
  const chain = intermediate === undefined ? undefined : presentedChain(leaf.pem, [intermediate.pem]);
  return (
    (chain === undefined || entry.data.get(keys.certificate)?.expose() === chain) &&
    (bundle === undefined || entry.data.get(keys.bundle)?.expose() === bundle)
  );
}

/** Why a leaf does not serve as declared: its names, key, purpose, issuer, and what every verifier would object to. */
function certificateFaults(
  spec: CertificateSpec,
  entry: SecretEntry,
  leaf: Certificate,
  intermediate: Certificate | undefined,
  bundle: string | undefined,
  now: Date,
): string[] {
  const faults: string[] = [];
  const commonName = leaf.subject.commonName ?? '';
  if (commonName !== spec.commonName) {
    faults.push(`names ${commonName}, not ${spec.commonName}`);
  }
  const hosts = parseHosts(spec.hosts).map(({ value }) => value);
  if (!sameSet(hosts, leaf.hosts)) {
    faults.push('is for other hosts than declared');
  }
  const purposes = { server: ['serverAuth'], client: ['clientAuth'], both: ['serverAuth', 'clientAuth'] }[spec.usage];
  if (!sameSet(purposes, leaf.extendedKeyUsages ?? [])) {
    faults.push('is for another purpose than declared');
  }
  if (keyAlgorithmOf(leaf) !== spec.key) {
    faults.push(`its key is not ${spec.key}`);
  }
  const lifetime = leaf.notAfter.getTime() - leaf.notBefore.getTime() - clockSkewMilliseconds;
  if (lifetime > spec.ttlMilliseconds + 1000) {
    faults.push('is valid for longer than declared');
  }
  if (intermediate !== undefined && !isSignedBy(leaf, intermediate)) {
    return [...faults, 'was issued by another CA'];
  }
  if (intermediate === undefined || bundle === undefined) {
    return faults;
  }
  const question = {
    presented: presentedChain(leaf.pem, [intermediate.pem]),
    trusted: bundle,
    hosts: spec.hosts.filter((host) => !host.startsWith('*.')),
    privateKey: valueOf(entry, keys.privateKey),
  };
  const sides = spec.usage === 'both' ? (['server', 'client'] as const) : ([spec.usage] as const);
  const findings = sides.flatMap((purpose) => validatePath({ ...question, purpose }, now));
  return [...faults, ...new Set(findings.map(({ sentence }) => sentence))];
}

function keyAlgorithmOf(certificate: Certificate): KeyAlgorithm | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = publicKeyOf(certificate);
  const name = type === 'rsa' ? `rsa${details?.modulusLength}` : `${type} ${details?.namedCurve}`;
  return ({ 'ec prime256v1': 'ecdsaP256', 'ec secp384r1': 'ecdsaP384' } as const)[name] ?? (name as KeyAlgorithm);
}

function sameSet(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((each) => other.includes(each));
}
