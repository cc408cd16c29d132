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
import { certificateOf, faultsOf, keys, valueOf } from './entry.ts';
import type { AuthoritySession } from './target.ts';

/** What the store says of a CA's entry. */
export interface SeenCa {
  readonly path: string;
  /** Name of the authority. */
  readonly targetName: string;
  readonly version: string;
  readonly owner: Ownership;
  readonly deleted: boolean;
  readonly specDigest?: string;
  readonly content: 'same' | 'different' | 'unknown';
  /** The version that we wrote last can be read, so it can be put back. */
  readonly restorable: boolean;
  /** Why it cannot serve as this CA, whatever the time. */
  readonly faults: readonly string[];
  readonly validity?: { readonly notBefore: string; readonly notAfter: string };
  readonly outputs?: Readonly<Record<string, OutputValue>>;
}

export async function observeCas(
  { backend, path: folder }: AuthoritySession,
  wanted: readonly Resource<CaSpec>[],
  recorded: readonly InventoryRecord[],
  context: RunContext,
): Promise<ReadonlyMap<ResourceId, Answer<SeenCa>>> {
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
  for (const resource of wanted) {
    const info = infos.get(caPath(resource.spec));
    const entry = entries.get(caPath(resource.spec));
    const record = records.get(resource.id);
    answers.set(
      resource.id,
      info === undefined ? absent : present(await seenCa(backend, resource, info, entry, entries, record, context)),
    );
  }
  return answers;
}

async function seenCa(
  backend: SecretBackend,
  { id, spec }: Resource<CaSpec>,
  info: EntryInfo,
  entry: SecretEntry | undefined,
  entries: ReadonlyMap<string, SecretEntry>,
  record: InventoryRecord | undefined,
  context: RunContext,
): Promise<SeenCa> {
  const bare = bareCa(info, id, ownershipOf(info.metadata, context.fleet, id));
  if (entry === undefined) {
    return { ...bare, restorable: info.deleted };
  }
  const content = compareContent(context.fingerprint, info.metadata[metadataNames.fingerprint], info.path, entry.data);
  let certificate: Certificate | undefined;
  const faults = faultsOf(() => {
    certificate = certificateOf(entry);
    return caFaults(certificate, entry, spec, entries);
  });
  const restorable = content === 'different' && (await restorableEntry(backend, info.path, record)) !== undefined;
  if (certificate === undefined) {
    return { ...bare, content, faults, restorable };
  }
  return {
    ...bare,
    content,
    faults,
    restorable,
    validity: { notBefore: certificate.notBefore.toISOString(), notAfter: certificate.notAfter.toISOString() },
    outputs: caOutputs(info.version, certificate),
  };
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
): string[] {
  const faults: string[] = [];
  if (!certificate.isCa || certificate.keyUsages?.includes('keyCertSign') === false) {
    faults.push(`${certificate.subject.text} is no certificate authority`);
  }
  if (!isKeyOf(valueOf(entry, keys.privateKey), certificate)) {
    faults.push(`the private key does not belong to ${certificate.subject.text}`);
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
