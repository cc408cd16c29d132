import { isSignedBy } from '../../authority/certificate.ts';
import type { Certificate } from '../../authority/certificate.ts';
import { isKeyOf } from '../../authority/keys.ts';
import type { InventoryRecord, RunContext } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { OutputValue, Resource } from '../../model/resource.ts';
import type { EntryInfo, SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { compareContent } from '../store/entry-fingerprint.ts';
import { readPresent } from '../store/entries.ts';
import { metadataNames, ownershipOf } from '../store/mark.ts';
import type { Ownership } from '../store/mark.ts';
import { leavingAnswer } from '../store/removal.ts';
import type { CaSpec } from './authority.spec.ts';
import { caOutputs, caPath, leavingCaPath, restorableEntry } from './ca-entry.ts';
import { certificateFingerprint, certificateOf, faultsOf, keys, valueOf } from './entry.ts';
import { formerPlace, readFormer } from './moved.ts';
import type { Place } from './moved.ts';
import type { SeenKey } from './signer.ts';
import type { AuthoritySession } from './target.ts';

/** What the store says of a CA's entry, and of its key where that lies elsewhere. */
export interface SeenCa {
  readonly path: string;
  /** The entry is not there, but its CA is: in the PKI engine, or where the authority was until now. */
  readonly missing?: true;
  /** Name of the authority. */
  readonly targetName: string;
  readonly version: string;
  readonly owner: Ownership;
  readonly deleted: boolean;
  readonly specDigest?: string;
  readonly content: 'same' | 'different' | 'unknown';
  /** What the entry was when we wrote it last can be had, so it can be put back. */
  readonly restorable: boolean;
  /** Only where keys lie outside the entries. */
  readonly key?: SeenKey & { readonly inEntry: boolean };
  /** Where it lay before the authority's store was changed, and why it cannot be taken from there. */
  readonly former?: Place & { readonly obstacle?: { readonly code: string; readonly why: string } };
  /** Why it cannot serve as this CA, whatever the time. */
  readonly faults: readonly string[];
  readonly validity?: { readonly notBefore: string; readonly notAfter: string };
  readonly outputs?: Readonly<Record<string, OutputValue>>;
}

export async function observeCas(
  session: AuthoritySession,
  wanted: readonly Resource<CaSpec>[],
  recorded: readonly InventoryRecord[],
  context: RunContext,
): Promise<ReadonlyMap<ResourceId, Answer<SeenCa>>> {
  const { backend, path: folder } = session;
  const records = new Map(recorded.map((record) => [record.id, record]));
  const wantedIds = new Set(wanted.map(({ id }) => id));
  const leaving = recorded.filter(({ id }) => !wantedIds.has(id));
  const leavingPath = ({ id }: InventoryRecord): string => leavingCaPath(folder, id);
  const infos = await backend.infoMany([...wanted.map(({ spec }) => caPath(spec)), ...leaving.map(leavingPath)]);
  const issuers = wanted.flatMap(({ spec }) => spec.issuer?.path ?? []);
  const entries = await readPresent(backend, [...wanted.map(({ spec }) => caPath(spec)), ...issuers]);
  const answers = new Map<ResourceId, Answer<SeenCa>>();
  for (const record of leaving) {
    const info = infos.get(leavingPath(record));
    answers.set(
      record.id,
      leavingAnswer(context.fleet, record, info, (found) => bareCa(found, record.id, { by: 'us' })),
    );
  }
  const looks: Look[] = await Promise.all(
    wanted.map(async (resource) => {
      const path = caPath(resource.spec);
      const record = records.get(resource.id);
      const former = formerPlace(record, { store: session.store, path });
      const old = former && !infos.has(path) ? await readFormer(former, context) : undefined;
      return { resource, record, info: infos.get(path), entry: entries.get(path), former, old };
    }),
  );
  const seenKeys = await session.signer.look?.(new Map(looks.map((look) => [look.resource.spec.role, knownOf(look)])));
  for (const look of looks) {
    const key = seenKeys?.get(look.resource.spec.role);
    const seen =
      look.info === undefined
        ? seenElsewhere(look, key, session)
        : await seenCa(backend, look, look.info, key, entries, context);
    answers.set(look.resource.id, seen === undefined ? absent : present(seen));
  }
  return answers;
}

interface Look {
  readonly resource: Resource<CaSpec>;
  readonly record: InventoryRecord | undefined;
  readonly info: EntryInfo | undefined;
  readonly entry: SecretEntry | undefined;
  /** Where it lay until now, and the entry there when there is none here. */
  readonly former: Place | undefined;
  readonly old: SecretEntry | string | undefined;
}

/** The certificate that the CA has, as far as it can be read. */
function knownOf({ entry, old }: Look): Certificate | undefined {
  const held = entry ?? (typeof old === 'object' ? old : undefined);
  try {
    return held && certificateOf(held);
  } catch {
    // Said as a fault where the entry is judged.
    return undefined;
  }
}

/** A CA whose entry is not there: it moves here, or its entry alone was removed. */
function seenElsewhere(
  { resource, record, former, old }: Look,
  key: SeenKey | undefined,
  session: AuthoritySession,
): SeenCa | undefined {
  const made = record?.state === 'present' || record?.state === 'intended';
  const bare = {
    path: caPath(resource.spec),
    targetName: session.name,
    missing: true,
    version: '',
    owner: { by: made ? 'us' : 'nobody' },
    deleted: false,
    content: 'unknown',
    restorable: true,
    faults: [],
  } as const;
  if (former !== undefined && key?.state !== 'whole') {
    return { ...bare, former: { ...former, obstacle: obstacleOf(old, session) } };
  }
  return key?.state === 'whole' ? { ...bare, former, key: { ...key, inEntry: false } } : undefined;
}

function obstacleOf(
  old: SecretEntry | string | undefined,
  { store }: AuthoritySession,
): { readonly code: string; readonly why: string } | undefined {
  if (typeof old !== 'object') {
    return { code: 'move-unreachable', why: old ?? 'it is not there' };
  }
  return old.data.has(keys.privateKey)
    ? undefined
    : { code: 'key-cannot-leave', why: `its key is in the PKI engine, which never gives it out, and not in ${store}` };
}

async function seenCa(
  backend: SecretBackend,
  { resource: { id, spec }, entry, former, record }: Look,
  info: EntryInfo,
  seenKey: SeenKey | undefined,
  entries: ReadonlyMap<string, SecretEntry>,
  context: RunContext,
): Promise<SeenCa> {
  const inEntry = entry?.data.has(keys.privateKey) ?? false;
  const key = seenKey && { ...seenKey, inEntry };
  const bare = { ...bareCa(info, id, ownershipOf(info.metadata, context.fleet, id)), key, former };
  if (entry === undefined) {
    return { ...bare, restorable: info.deleted };
  }
  const content = compareContent(context.fingerprint, info.metadata[metadataNames.fingerprint], info.path, entry.data);
  let certificate: Certificate | undefined;
  const faults = faultsOf(() => {
    certificate = certificateOf(entry);
    return caFaults(certificate, entry, spec, entries, key);
  });
  const kept = content === 'different' ? await restorableEntry(backend, info.path, record) : undefined;
  const restorable = kept !== undefined || (content === 'different' && key?.state === 'whole');
  if (certificate === undefined) {
    return { ...bare, content, faults, restorable };
  }
  return {
    ...bare,
    owner: isKeptCopy(bare, certificate, record) ? { by: 'us' } : bare.owner,
    content,
    faults,
    restorable,
    validity: { notBefore: certificate.notBefore.toISOString(), notAfter: certificate.notAfter.toISOString() },
    outputs: caOutputs(info.version, certificate),
  };
}

/** What was left here when the authority moved away, and is to be its place again: the very same CA. */
function isKeptCopy(
  { owner, former }: Pick<SeenCa, 'owner' | 'former'>,
  certificate: Certificate,
  record: InventoryRecord | undefined,
): boolean {
  return owner.by === 'nobody' && former !== undefined && certificateFingerprint(certificate) === record?.fingerprint;
}

function bareCa(info: EntryInfo, id: ResourceId, owner: Ownership): SeenCa {
  return {
    path: info.path,
    targetName: parseResourceId(id).targetName,
    version: info.version,
    owner,
    deleted: info.deleted,
    specDigest: info.metadata[metadataNames.spec],
    content: 'unknown',
    restorable: false,
    faults: [],
  };
}

function caFaults(
  certificate: Certificate,
  entry: SecretEntry,
  spec: CaSpec,
  entries: ReadonlyMap<string, SecretEntry>,
  key: SeenCa['key'],
): string[] {
  const faults: string[] = [];
  if (!certificate.isCa || certificate.keyUsages?.includes('keyCertSign') === false) {
    faults.push(`${certificate.subject.text} is no certificate authority`);
  }
  if ((key === undefined || key.inEntry) && !isKeyOf(valueOf(entry, keys.privateKey), certificate)) {
    faults.push(`the private key does not belong to ${certificate.subject.text}`);
  }
  if (key?.certificatePem !== undefined && key.certificatePem !== certificate.pem) {
    faults.push(`the PKI engine has another certificate in the place of ${certificate.subject.text}`);
  }
  if (spec.issuer === undefined && !isSignedBy(certificate, certificate)) {
    faults.push(`${certificate.subject.text} is not self-signed`);
  }
  const issuer = spec.issuer === undefined ? undefined : entries.get(spec.issuer.path);
  if (issuer !== undefined && !isSignedBy(certificate, certificateOf(issuer))) {
    faults.push(`${certificate.subject.text} was not signed by the root that is there now`);
  }
  return faults;
}
