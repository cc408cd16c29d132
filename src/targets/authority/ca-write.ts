import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { Resource } from '../../model/resource.ts';
import { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import { entryFingerprint } from '../store/entry-fingerprint.ts';
import { infoOf, readPresent } from '../store/entries.ts';
import { markedMetadata, markOf, ownershipOf } from '../store/mark.ts';
import type { CaSpec } from './authority.spec.ts';
import { caDigest, caOutputs, caPath, restorableEntry } from './ca-entry.ts';
import type { SeenCa } from './ca-observe.ts';
import { certificateFingerprint, certificateOf, keys, thereOf } from './entry.ts';
import type { CaMaterial } from './signer.ts';
import type { AuthoritySession } from './target.ts';

type CaChange = ReadyChange<CaSpec, SeenCa>;

/** Makes CAs, puts back what was changed by hand, adopts. Two that make the same one at once end up with one. */
export async function* applyCas(
  session: AuthoritySession,
  changes: readonly CaChange[],
  io: ApplyContext,
): AsyncIterable<Applied> {
  for (const change of changes) {
    try {
      yield await applyCa(session, change, io);
    } catch (error) {
      yield { id: change.change.id, outcome: 'failed', error: error as Error };
    }
  }
}

async function applyCa(
  session: AuthoritySession,
  { resource, seen, recorded }: CaChange,
  io: ApplyContext,
): Promise<Applied> {
  const { backend } = session;
  const { id, spec } = resource as Resource<CaSpec>;
  const path = caPath(spec);
  if (seen === undefined) {
    return done(await create(session, resource as Resource<CaSpec>, io), resource as Resource<CaSpec>, io);
  }
  if (seen.deleted) {
    io.guard();
    await backend.undelete(path);
  }
  const current = (await readPresent(backend, [path])).get(path);
  if (current === undefined) {
    throw new Failure({
      code: 'authority-missing',
      message: `${path} was destroyed, and no version of it is left`,
      object: id,
      why: 'everything that it signed is trusted no longer once verifiers learn of a new one',
      remedy: `bring the entry back from a backup of store ${session.store}`,
    });
  }
  const kept = seen.content === 'different' ? await restorableEntry(backend, path, recorded) : undefined;
  const entry = kept ?? current;
  const fingerprint = entryFingerprint(io.fingerprint, path, entry.data);
  // What it was made for stays on it, so that a change of key, ttl or subject is still seen afterwards.
  const madeFor = seen.specDigest ?? caDigest(spec);
  const metadata = markedMetadata(current.metadata, io.fleet, id, { spec: madeFor, fingerprint });
  io.guard();
  if (kept === undefined) {
    await backend.writeMetadata(path, metadata);
    return done(current, resource as Resource<CaSpec>, io);
  }
  const { version } = await backend.write({ path, data: kept.data, metadata, expect: current.version });
  return done({ ...kept, version }, resource as Resource<CaSpec>, io);
}

async function create(
  session: AuthoritySession,
  { id, spec }: Resource<CaSpec>,
  io: ApplyContext,
): Promise<SecretEntry> {
  const { backend, signer } = session;
  const path = caPath(spec);
  io.progress(id, 'making its key');
  const issuer = spec.issuer && thereOf(await readPresent(backend, [spec.issuer.path]), spec.issuer.path);
  const data = contentOf(await signer.make(spec, issuer, io.environment));
  const fingerprint = entryFingerprint(io.fingerprint, path, data);
  const metadata = markedMetadata({}, io.fleet, id, { spec: caDigest(spec), fingerprint });
  io.guard();
  try {
    const { version } = await backend.write({ path, data, metadata, expect: 'absent' });
    return { path, version, metadata, data, deleted: false, writtenAt: io.environment.now().toISOString() };
  } catch (error) {
    const winner = error instanceof CheckAndSetConflict ? (await readPresent(backend, [path])).get(path) : undefined;
    const info = winner === undefined ? undefined : await infoOf(backend, path);
    // Somebody else made this very CA at the same time: theirs is as good as ours.
    if (winner === undefined || info === undefined || ownershipOf(info.metadata, io.fleet, id).by !== 'us') {
      throw error;
    }
    return winner;
  }
}

function contentOf({ certificatePem, privateKey }: CaMaterial): ReadonlyMap<string, Secret> {
  const certificate = [keys.certificate, new Secret(certificatePem)] as const;
  return new Map(privateKey === undefined ? [certificate] : [certificate, [keys.privateKey, privateKey]]);
}

function done(entry: SecretEntry, { id, spec }: Resource<CaSpec>, io: ApplyContext): Applied {
  const certificate = certificateOf(entry);
  return {
    id,
    outcome: 'done',
    record: {
      mark: markOf(io.fleet, id),
      version: entry.version,
      fingerprint: certificateFingerprint(certificate),
      outputs: caOutputs(entry.version, certificate),
      removal: { path: caPath(spec) },
    },
  };
}
