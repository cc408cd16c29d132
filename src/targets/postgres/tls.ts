import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApplyContext, InventoryRecord, ReadyChange, ResourceKind, RunContext } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { asError, causeOf, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { logSince, logSize } from '../process/log.ts';
import { readIfThere, writeOwnedFile } from '../process/owned-file.ts';
import { fileHeader, tlsFile } from '../process/settings.ts';
import { oneByOne, type Outcome } from './bulk.ts';
import { fingerprintParts, flipBack, readGeneration, writeGeneration } from './generation.ts';
import { differs } from './marked.ts';
import type { TlsSpec } from './postgres.spec.ts';
import { resolved } from './resolved.ts';
import { idsOf } from './role.ts';
import { servedFingerprint } from './served.ts';
import type { PgSession } from './session.ts';
import { ident } from './sql.ts';
import {
  leafOf,
  readTlsMaterial,
  renderTlsSettings,
  tlsFileNames,
  tlsFolder,
  type TlsMaterial,
  tlsSettings,
  versionsOf,
} from './tls-files.ts';

export interface TlsSeen {
  /** Keyed digest of content, mode and owner of all files. */
  readonly fingerprint: string;
  /** Leaf in the files, SHA-256 hex; undefined when it cannot be read. */
  readonly leaf?: string;
  /** Leaf that a handshake shows. */
  readonly served?: string;
  /** Text of the file of TLS settings. */
  readonly settings: string;
  /** The text that it should have, by minimum version. */
  readonly expected: Readonly<Record<TlsSpec['minVersion'], string>>;
  /** Settings that `ALTER SYSTEM` has the last word on. */
  readonly overridden: readonly string[];
}

/** How long a reload may take until the new certificate is served. */
const patience = 10_000;

/** `postgres/<name>/tls/server`: see `postgres.spec.ts`. */
export const tlsKind: ResourceKind<PgSession, TlsSpec, TlsSeen> = {
  kind: 'tls',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'file',

  async observe(session, wanted, recorded, context) {
    const answer = await seeTls(session, context);
    return new Map([...idsOf(wanted, recorded)].map((id): [ResourceId, Answer<TlsSeen>] => [id, answer]));
  },

  diff: diffTls,

  apply: (session, changes, io) =>
    oneByOne(io, changes, (ready) => (ready.resource === undefined ? remove(session) : ensure(session, ready, io))),
};

async function seeTls(session: PgSession, context: RunContext): Promise<Answer<TlsSeen>> {
  const { server } = session;
  const files = await readGeneration(tlsFolder(server), tlsFileNames);
  if (files === undefined) {
    return absent;
  }
  const names = tlsSettings(server, { minVersion: 'TLSv1.3' });
  const { fileSettings } = await session.configuration();
  return present({
    fingerprint: context.fingerprint(...fingerprintParts(files)),
    leaf: leafOf(files),
    served: await servedFingerprint(session).catch(() => undefined),
    settings: (await readIfThere(join(server.dataDirectory, tlsFile))) ?? '',
    expected: {
      'TLSv1.2': renderTlsSettings(tlsSettings(server, { minVersion: 'TLSv1.2' })),
      'TLSv1.3': renderTlsSettings(names),
    },
    overridden: fileSettings.flatMap(({ name, file }) =>
      name !== null && names.has(name) && file.endsWith('/postgresql.auto.conf') ? [name] : [],
    ),
  });
}

function diffTls(
  wanted: Resource<TlsSpec> | undefined,
  seen: TlsSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  const { spec } = wanted;
  if (seen === undefined) {
    return { id, action: 'create', fields: [{ field: 'minimum version', after: spec.minVersion }] };
  }
  const settingsDiffer = seen.settings !== seen.expected[spec.minVersion] || seen.overridden.length > 0;
  const fields: FieldChange[] = [
    ...versionDifferences(spec, recorded),
    ...(recorded?.fingerprint === undefined || recorded.fingerprint === seen.fingerprint
      ? []
      : [{ field: 'files', note: 'changed by hand' }]),
    ...(seen.served === seen.leaf ? [] : differs('served certificate', short(seen.served), short(seen.leaf))),
    ...(settingsDiffer ? [{ field: 'TLS settings', note: 'not as the fleet says' }] : []),
  ];
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

function versionDifferences(
  { certificate, bundle, crl }: TlsSpec,
  recorded: InventoryRecord | undefined,
): FieldChange[] {
  if (recorded?.version === undefined) {
    return [{ field: 'files', note: 'written again, because no record says which version they are' }];
  }
  const after = versionsOf(resolved(certificate.version), resolved(bundle.version), resolved(crl.version)).split(' ');
  const before = recorded.version.split(' ');
  return ['certificate', 'bundle', 'revocation list'].flatMap((field, index) =>
    before[index] === after[index]
      ? []
      : [{ field, before: `version ${before[index]}`, after: `version ${after[index]}` }],
  );
}

function short(fingerprint: string | undefined): string {
  return fingerprint === undefined ? 'none' : `${fingerprint.slice(0, 16)}…`;
}

async function ensure(
  session: PgSession,
  { resource, change }: ReadyChange<TlsSpec, TlsSeen>,
  io: ApplyContext,
): Promise<Outcome> {
  const { spec } = resource as Resource<TlsSpec>;
  const { server } = session;
  const material = await readTlsMaterial(io, spec, change.id, session.host);
  const folder = tlsFolder(server);
  const settingsFile = join(server.dataDirectory, tlsFile);
  const settingsBefore = await readIfThere(settingsFile);
  io.guard();
  const previous = await writeGeneration(folder, material.files, server.account, io.environment.now());
  await writeOwnedFile(settingsFile, renderTlsSettings(tlsSettings(server, spec)), server.account);
  const from = await logSize(server);
  try {
    await resetOverrides(session);
    await session.reload();
    await untilServed(session, material, io, change.id);
  } catch (error) {
    if (previous !== undefined) {
      await flipBack(folder, previous);
    }
    await writeOwnedFile(settingsFile, settingsBefore ?? `${fileHeader}\n`, server.account);
    await session.reload();
    throw await notServed(session, error, from);
  }
  const files = (await readGeneration(folder, tlsFileNames)) ?? [];
  return { done: { version: material.version, fingerprint: io.fingerprint(...fingerprintParts(files)) } };
}

async function resetOverrides(session: PgSession): Promise<void> {
  const names = tlsSettings(session.server, { minVersion: 'TLSv1.3' });
  const { fileSettings } = await session.configuration();
  for (const { name, file } of fileSettings) {
    if (name !== null && names.has(name) && file.endsWith('/postgresql.auto.conf')) {
      await session.execute('postgres', `ALTER SYSTEM RESET ${ident(name)}`);
    }
  }
}

/** A handshake is the only proof: a refused reload leaves everything that SQL shows as if it had worked. */
async function untilServed(session: PgSession, { leaf }: TlsMaterial, io: ApplyContext, id: ResourceId): Promise<void> {
  let seen = 'no TLS';
  const begun = performance.now();
  let told = false;
  while (performance.now() - begun < patience) {
    try {
      const served = await servedFingerprint(session);
      if (served === leaf) {
        return;
      }
      seen = `certificate ${short(served)}`;
    } catch (error) {
      seen = causeOf(error);
    }
    if (!told && performance.now() - begun > 1000) {
      told = true;
      io.progress(id, 'waits until the new certificate is served');
    }
    await delay(10, undefined, { signal: io.signal });
  }
  throw new Failure({
    code: 'certificate-not-served',
    message: `${id}: the server serves ${seen}, not ${short(leaf)}, ${patience / 1000} s after the reload`,
    object: id,
  });
}

async function notServed(session: PgSession, error: unknown, from: number): Promise<Error> {
  if (!(error instanceof Failure) || error.code !== 'certificate-not-served') {
    return asError(error);
  }
  // Its first lines: our own looks at the certificate leave a line each, hundreds of them.
  const log = await logSince(session.server, from, 6);
  return new Failure({
    ...error.details,
    message: `${error.message}${log === '' ? '' : `; the server's log says:\n${log}`}`,
    why: 'the files before were put back',
  });
}

async function remove(session: PgSession): Promise<Outcome> {
  const { server } = session;
  await writeOwnedFile(join(server.dataDirectory, tlsFile), `${fileHeader}\n`, server.account);
  await session.reload();
  await rm(tlsFolder(server), { recursive: true, force: true });
  return { done: undefined };
}
