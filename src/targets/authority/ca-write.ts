import { setTimeout as delay } from 'node:timers/promises';
import type { Applied, ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { sameContent } from '../store/content.ts';
import { entryFingerprint } from '../store/entry-fingerprint.ts';
import { infoOf, readPresent } from '../store/entries.ts';
import { markedMetadata, markOf, metadataNames, ownershipOf } from '../store/mark.ts';
import type { CaSpec } from './authority.spec.ts';
import { caDigest, caOutputs, caPath, restorableEntry } from './ca-entry.ts';
import type { SeenCa } from './ca-observe.ts';
import { certificateFingerprint, certificateOf, keys, thereOf, valueOf } from './entry.ts';
import { carryMemory, dropMemory, letGo, readFormer } from './moved.ts';
import type { Place } from './moved.ts';
import type { CaMaterial, CaRole, Signer } from './signer.ts';
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

async function applyCa(session: AuthoritySession, change: CaChange, io: ApplyContext): Promise<Applied> {
  const { seen } = change;
  const resource = change.resource as Resource<CaSpec>;
  if (seen === undefined) {
    return done(session, await create(session, resource, io), resource, io);
  }
  if (seen.former !== undefined && resource.spec.role === 'root') {
    // Before the root is here, so that it never lacks what it issued and revoked.
    await carryMemory(session.path, seen.former.store, session.backend, io);
  }
  const entry = seen.missing ? await bringHere(session, resource, seen, io) : await mend(session, change, io);
  const note = seen.former && (await leaveFormer(session, resource, seen.former, io));
  return { ...done(session, entry, resource, io), ...(note === undefined ? {} : { note }) };
}

/** Writes the entry of a CA that lies elsewhere: in the PKI engine, or where the authority was until now. */
async function bringHere(
  { backend, signer }: AuthoritySession,
  { id, spec }: Resource<CaSpec>,
  { path, key, former }: SeenCa,
  io: ApplyContext,
): Promise<SecretEntry> {
  const old = former && (await readFormer(former, io));
  const material = typeof old === 'object' ? materialOf(old) : { certificatePem: key?.certificatePem ?? '' };
  io.guard();
  const data = contentOf(await signer.keep(spec.role, material));
  const madeFor = (typeof old === 'object' ? old.metadata[metadataNames.spec] : undefined) ?? caDigest(spec);
  const fingerprint = entryFingerprint(io.fingerprint, path, data);
  const metadata = markedMetadata({}, io.fleet, id, { spec: madeFor, fingerprint });
  return writeNew(backend, id, { path, data, metadata }, io);
}

/** What moved is let go of where it was: with what the authority remembered, which goes with its root. */
async function leaveFormer(
  session: AuthoritySession,
  { id, spec, reclaimPolicy }: Resource<CaSpec>,
  former: Place,
  io: ApplyContext,
): Promise<string | undefined> {
  const note = await letGo(former, id, reclaimPolicy === 'delete' ? 'destroy' : 'keep', io);
  if (spec.role === 'root') {
    await dropMemory(session.path, former.store, io, id);
  }
  return note;
}

/** Puts back what was changed by hand, or writes its mark anew. */
async function mend(
  session: AuthoritySession,
  { resource, seen, recorded }: CaChange,
  io: ApplyContext,
): Promise<SecretEntry> {
  const { backend, signer } = session;
  const { id, spec } = resource as Resource<CaSpec>;
  const path = caPath(spec);
  if (seen?.deleted) {
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
  const kept = seen?.content === 'different' ? await restorableEntry(backend, path, recorded) : undefined;
  const data = await heldData(signer, spec.role, kept ?? current, seen, io);
  const fingerprint = entryFingerprint(io.fingerprint, path, data);
  // What it was made for stays on it, so that a change of key, ttl or subject is still seen afterwards.
  const madeFor = seen?.specDigest ?? caDigest(spec);
  const metadata = markedMetadata(current.metadata, io.fleet, id, { spec: madeFor, fingerprint });
  io.guard();
  if (sameContent(current.data, data)) {
    await backend.writeMetadata(path, metadata);
    return current;
  }
  if (!signer.keysInEntries && current.data.has(keys.privateKey)) {
    // Every version that holds the key goes. Killed here, the entry is written again from the engine.
    await backend.destroy(path);
    const { version } = await backend.write({ path, data, metadata, expect: 'absent' });
    return { ...current, data, metadata, version };
  }
  const { version } = await backend.write({ path, data, metadata, expect: current.version });
  return { ...current, data, metadata, version };
}

/** What the entry shall hold. */
async function heldData(
  signer: Signer,
  role: CaRole,
  entry: SecretEntry,
  seen: SeenCa | undefined,
  io: ApplyContext,
): Promise<ReadonlyMap<string, Secret>> {
  if (signer.keysInEntries) {
    return entry.data;
  }
  const known = seen?.content === 'different' ? seen.key?.certificatePem : undefined;
  io.guard();
  return contentOf(await signer.keep(role, known === undefined ? materialOf(entry) : { certificatePem: known }));
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
  return writeNew(backend, id, { path, data, metadata }, io);
}

/** Writes the entry of a CA where none is. Where somebody else did so meanwhile, theirs is as good as ours. */
async function writeNew(
  backend: SecretBackend,
  id: ResourceId,
  entry: Pick<SecretEntry, 'path' | 'data' | 'metadata'>,
  io: ApplyContext,
): Promise<SecretEntry> {
  io.guard();
  try {
    const { version } = await backend.write({ ...entry, expect: 'absent' });
    return { ...entry, version, deleted: false, writtenAt: io.environment.now().toISOString() };
  } catch (error) {
    const winner = error instanceof CheckAndSetConflict ? await madeByUs(backend, entry.path, id, io) : undefined;
    if (winner === undefined) {
      throw error;
    }
    return winner;
  }
}

/** How often, and after how many milliseconds each, the mark of an entry that somebody just wrote is looked for. */
const looks = 20;
const lookMilliseconds = 100;

/** The entry, once it bears our mark: a store may take an entry and its mark one after the other. */
async function madeByUs(
  backend: SecretBackend,
  path: string,
  id: ResourceId,
  io: ApplyContext,
): Promise<SecretEntry | undefined> {
  for (let look = 1; ; look++) {
    const info = await infoOf(backend, path);
    const owner = info && ownershipOf(info.metadata, io.fleet, id).by;
    if (owner === 'us') {
      return (await readPresent(backend, [path])).get(path);
    }
    if (owner !== 'nobody' || look === looks) {
      return undefined;
    }
    await delay(lookMilliseconds);
  }
}

function materialOf(entry: SecretEntry): CaMaterial {
  const privateKey = entry.data.get(keys.privateKey);
  const certificatePem = valueOf(entry, keys.certificate).expose();
  return privateKey === undefined ? { certificatePem } : { certificatePem, privateKey };
}

function contentOf({ certificatePem, privateKey }: CaMaterial): ReadonlyMap<string, Secret> {
  const certificate = [keys.certificate, new Secret(certificatePem)] as const;
  return new Map(privateKey === undefined ? [certificate] : [certificate, [keys.privateKey, privateKey]]);
}

function done(
  { store }: AuthoritySession,
  entry: SecretEntry,
  { id, spec }: Resource<CaSpec>,
  io: ApplyContext,
): Extract<Applied, { readonly outcome: 'done' }> {
  const certificate = certificateOf(entry);
  return {
    id,
    outcome: 'done',
    record: {
      mark: markOf(io.fleet, id),
      version: entry.version,
      fingerprint: certificateFingerprint(certificate),
      outputs: caOutputs(entry.version, certificate),
      removal: { store, path: caPath(spec) },
    },
  };
}
