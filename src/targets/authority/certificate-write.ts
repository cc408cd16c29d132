import { presentedChain } from '../../authority/bundle.ts';
import { readCertificate } from '../../authority/certificate.ts';
import type { Certificate } from '../../authority/certificate.ts';
import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { asError } from '../../model/failure.ts';
import { resourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import { entryFingerprint } from '../store/entry-fingerprint.ts';
import { readPresent } from '../store/entries.ts';
import { judgeOwnership, markedMetadata, markOf, refusalOf } from '../store/mark.ts';
import { applyRemovals } from '../store/removal.ts';
import { withoutConflict, writeEntries } from '../store/write-entries.ts';
import type { EntryToWrite } from '../store/write-entries.ts';
import type { CertificateSpec } from './authority.spec.ts';
import { judgeCertificate } from './certificate-judgement.ts';
import { encodeLikeness, likenessOf } from './certificate-moves.ts';
import { certificateOutputs, observeCertificates, seeMoved } from './certificate-observe.ts';
import type { SeenCertificate } from './certificate-observe.ts';
import { certificateFingerprint, certificateOf, keys, thereOf, valueOf } from './entry.ts';
import { letGo, readFormer } from './moved.ts';
import { changeRegistry } from './registry.ts';
import type { IssuedRecord } from './registry.ts';
import { registryOptions } from './revocation.ts';
import type { AuthoritySession } from './target.ts';

type CertificateChange = ReadyChange<CertificateSpec, SeenCertificate>;

/** Keys that are made at the same time: RSA takes seconds, in threads of its own. */
const keysAtOnce = 4;

/** An entry that is ready to be written. */
interface Prepared extends EntryToWrite {
  readonly change: CertificateChange;
  readonly leaf: Certificate;
  /** For the registry. */
  readonly issued: IssuedRecord;
}

/**
 * Issues and refreshes certificates. Their serials are registered before anything is written that could be presented, so
 * that no certificate exists that could not be revoked. An entry that somebody else wrote meanwhile is judged anew.
 */
export async function* applyCertificates(
  session: AuthoritySession,
  changes: readonly CertificateChange[],
  io: ApplyContext,
): AsyncIterable<Applied> {
  const once = (open: readonly CertificateChange[]) => applyOnce(session, open, io);
  const again = (open: readonly CertificateChange[]) => lookAgain(session, open, io);
  for await (const [change, result] of withoutConflict(changes, once, again)) {
    yield await withoutFormer(change, result, io);
  }
}

/** One that moved is let go of where it was. */
async function withoutFormer(
  { seen, resource }: CertificateChange,
  result: Applied,
  io: ApplyContext,
): Promise<Applied> {
  if (seen?.former === undefined || result.outcome === 'failed') {
    return result;
  }
  try {
    const how = resource?.reclaimPolicy === 'delete' ? 'destroy' : 'keep';
    const note = await letGo(seen.former, result.id, how, io);
    return note === undefined ? result : { ...result, note };
  } catch (error) {
    return { id: result.id, outcome: 'failed', error: asError(error) };
  }
}

/** Certificates that left the fleet: their entries go, store by store. The revocation list takes note on its own. */
export async function* removeCertificates(
  session: AuthoritySession,
  changes: readonly CertificateChange[],
  io: ApplyContext,
): AsyncIterable<Applied> {
  const storeOf = ({ recorded }: CertificateChange): string => String(recorded?.removal?.store ?? session.store);
  for (const store of new Set(changes.map(storeOf))) {
    yield* applyRemovals(
      await io.store(store),
      changes.filter((change) => storeOf(change) === store),
      io,
      ({ seen, recorded }) => seen?.path ?? String(recorded?.removal?.path),
    );
  }
}

async function lookAgain(
  session: AuthoritySession,
  changes: readonly CertificateChange[],
  io: ApplyContext,
): Promise<CertificateChange[]> {
  const answers = await observeCertificates(
    session,
    changes.map(({ resource }) => resource as Resource<CertificateSpec>),
    changes.flatMap(({ recorded }) => recorded ?? []),
    io,
  );
  return changes.map((change) => {
    const answer = answers.get(change.change.id);
    return { ...change, seen: answer?.state === 'present' ? answer.seen : undefined };
  });
}

async function* applyOnce(
  session: AuthoritySession,
  changes: readonly CertificateChange[],
  io: ApplyContext,
): AsyncIterable<readonly [CertificateChange, Applied | Error]> {
  const specs = changes.map(({ resource }) => (resource as Resource<CertificateSpec>).spec);
  const authority = await readPresent(
    session.backend,
    specs.flatMap(({ issuer, bundle }) => [issuer.path, bundle.path]),
  );
  const current = await readCurrent(changes, io);
  const prepared: Prepared[] = [];
  for (let start = 0; start < changes.length; start += keysAtOnce) {
    const results = await Promise.all(
      changes.slice(start, start + keysAtOnce).map(async (change) => {
        try {
          return await prepare(session, change, current.get(change), authority, io);
        } catch (error) {
          return [change, asError(error)] as const;
        }
      }),
    );
    for (const result of results) {
      if ('data' in result) {
        prepared.push(result);
      } else {
        yield result;
      }
    }
  }
  await register(session, prepared, io);
  for (const store of new Set(prepared.map(({ change }) => specOf(change).store))) {
    const ofStore = prepared.filter(({ change }) => specOf(change).store === store);
    for await (const [entry, result] of writeEntries(await io.store(store), ofStore, io)) {
      yield [entry.change, result instanceof Error ? result : done(entry, result, io)];
    }
  }
}

async function readCurrent(
  changes: readonly CertificateChange[],
  io: ApplyContext,
): Promise<ReadonlyMap<CertificateChange, SecretEntry>> {
  const found = new Map<CertificateChange, SecretEntry>();
  for (const store of new Set(changes.map((change) => specOf(change).store))) {
    const ofStore = changes.filter((change) => specOf(change).store === store);
    const entries = await readPresent(
      await io.store(store),
      ofStore.map((change) => specOf(change).path),
    );
    for (const change of ofStore) {
      const entry = entries.get(specOf(change).path);
      if (entry !== undefined) {
        found.set(change, entry);
      }
    }
  }
  return found;
}

async function prepare(
  session: AuthoritySession,
  change: CertificateChange,
  current: SecretEntry | undefined,
  authority: ReadonlyMap<string, SecretEntry>,
  io: ApplyContext,
): Promise<Prepared> {
  const resource = change.resource as Resource<CertificateSpec>;
  const { id, spec } = resource;
  const claim = change.seen && judgeOwnership(resource, spec.path, change.seen.owner, change.recorded?.state);
  if (claim?.as === 'refused') {
    throw refusalOf(claim.change);
  }
  const { former } = change.seen ?? {};
  const isHere = change.seen?.deleted !== true && former?.moves !== true;
  if (current?.version !== (isHere ? change.seen?.version : undefined)) {
    throw new CheckAndSetConflict(spec.path);
  }
  const issuer = thereOf(authority, spec.issuer.path);
  const intermediate = certificateOf(issuer);
  const bundle = valueOf(thereOf(authority, spec.bundle.path), keys.bundle);
  const moved = change.seen === undefined ? await seeMoved(session, resource, change.movesFrom, io) : undefined;
  const seen = change.seen ?? moved?.seen;
  const { need } = seen === undefined ? { need: 'reissue' } : judgeCertificate(resource, seen, io.environment.now());
  const old = former?.moves === true ? await readFormer(former, io) : moved?.entry;
  const held = typeof old === 'object' ? old : current;
  let leaf: Certificate;
  let privateKey: Secret;
  if (need === 'reissue' || held === undefined) {
    io.progress(id, 'making its key');
    const made = await session.signer.leaf(issuer, spec, io.environment);
    leaf = readCertificate(made.certificatePem);
    privateKey = made.privateKey;
  } else {
    leaf = certificateOf(held);
    privateKey = valueOf(held, keys.privateKey);
  }
  const data = new Map([
    [keys.certificate, new Secret(presentedChain(leaf.pem, [intermediate.pem]))],
    [keys.privateKey, privateKey],
    [keys.bundle, bundle],
  ]);
  const fingerprint = entryFingerprint(io.fingerprint, spec.path, data);
  return {
    change,
    path: spec.path,
    current,
    leaf,
    data,
    metadata: markedMetadata(current?.metadata ?? {}, io.fleet, id, { fingerprint }),
    issued: {
      serial: leaf.serial,
      id,
      issuer: intermediate.fingerprint,
      notAfter: leaf.notAfter.toISOString(),
      like: likenessOf(spec),
    },
  };
}

/** One write for all serials of an authority. */
async function register(session: AuthoritySession, prepared: readonly Prepared[], io: ApplyContext): Promise<void> {
  const now = io.environment.now();
  for (const authorityPath of new Set(prepared.map(({ change }) => specOf(change).authorityPath))) {
    const ofAuthority = prepared.filter(({ change }) => specOf(change).authorityPath === authorityPath);
    const crl = crlIdOf((ofAuthority[0] as Prepared).change.resource as Resource<CertificateSpec>);
    const heirs = new Map(
      ofAuthority.flatMap(({ change: { movesFrom }, issued: { id } }) =>
        movesFrom === undefined ? [] : [[movesFrom.id as string, id]],
      ),
    );
    await changeRegistry(session.backend, authorityPath, registryOptions(io, crl, now), (before) => {
      const issued = inherited(before, heirs);
      const known = new Map(issued.map((record) => [record.serial, record.id]));
      const fresh = ofAuthority.filter(({ issued: { serial, id } }) => known.get(serial) !== id);
      if (fresh.length === 0) {
        return issued;
      }
      const serials = new Set(fresh.map((each) => each.issued.serial));
      return [...issued.filter(({ serial }) => !serials.has(serial)), ...fresh.map((each) => each.issued)];
    });
  }
}

/** What was issued to one that moved is of the one that it is now. */
function inherited(issued: readonly IssuedRecord[], heirs: ReadonlyMap<string, string>): readonly IssuedRecord[] {
  const moves = ({ id, revokedAt }: IssuedRecord): boolean => revokedAt === undefined && heirs.has(id);
  return issued.some(moves)
    ? issued.map((record) => (moves(record) ? { ...record, id: heirs.get(record.id) as string } : record))
    : issued;
}

function crlIdOf({ target }: Resource<CertificateSpec>): ResourceId {
  return resourceId(target, 'crl', 'crl');
}

function done({ change, leaf }: Prepared, version: string, io: ApplyContext): Applied {
  const { store, path } = specOf(change);
  return {
    id: change.change.id,
    outcome: 'done',
    record: {
      mark: markOf(io.fleet, change.change.id),
      version,
      fingerprint: certificateFingerprint(leaf),
      outputs: certificateOutputs(version, leaf),
      removal: { store, path, ...encodeLikeness(specOf(change)) },
    },
  };
}

function specOf({ resource }: CertificateChange): CertificateSpec {
  return (resource as Resource<CertificateSpec>).spec;
}
