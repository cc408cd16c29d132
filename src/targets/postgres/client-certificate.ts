import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { validatePath } from '../../authority/validate.ts';
import type { ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { oneByOne, type Outcome } from './bulk.ts';
import { keyOf, readEntry, requireFit } from './certificate-entry.ts';
import { fingerprintParts, readGeneration, writeGeneration } from './generation.ts';
import type { ClientCertificateSpec } from './postgres.spec.ts';
import { resolved } from './resolved.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';

export interface ClientCertificateSeen {
  readonly directory: string;
  /** Keyed digest of content, mode and owner of all files. */
  readonly fingerprint: string;
}

const fileNames = ['ca.crt', 'tls.crt', 'tls.key'] as const;

/** `postgres/<name>/client-certificate/<purpose>`: see `postgres.spec.ts`. */
export const clientCertificateKind: ResourceKind<PgSession, ClientCertificateSpec, ClientCertificateSeen> = {
  kind: 'client-certificate',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'file',

  async observe(session, wanted, recorded, context) {
    const answers = new Map<ResourceId, Answer<ClientCertificateSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const directory = directoryOf(session, id);
      const files = await readGeneration(directory, fileNames);
      answers.set(
        id,
        files === undefined
          ? absent
          : present({ directory, fingerprint: context.fingerprint(...fingerprintParts(files)) }),
      );
    }
    return answers;
  },

  diff: diffClientCertificate,

  outputs: (_resource, seen) => ({ directory: seen.directory }),

  apply: (session, changes, io) =>
    oneByOne(io, changes, async (ready): Promise<Outcome> => {
      if (ready.resource !== undefined) {
        return ensure(session, ready, io);
      }
      await rm(directoryOf(session, ready.change.id), { recursive: true, force: true });
      return { done: undefined };
    }),
};

function diffClientCertificate(
  wanted: Resource<ClientCertificateSpec> | undefined,
  seen: ClientCertificateSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  const version = resolved(wanted.spec.certificate.version);
  if (seen === undefined) {
    return { id, action: 'create', fields: [{ field: 'certificate', after: `version ${version}` }] };
  }
  const fields: FieldChange[] = [];
  if (recorded?.version === undefined || recorded.fingerprint === undefined) {
    fields.push({ field: 'files', note: 'written again, because no record says which version they are' });
  } else if (recorded.version !== version) {
    fields.push({ field: 'certificate', before: `version ${recorded.version}`, after: `version ${version}` });
  } else if (recorded.fingerprint !== seen.fingerprint) {
    fields.push({ field: 'files', note: 'changed by hand' });
  }
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

/** Running connections keep the old certificate; the next one that is made reads the new files. */
async function ensure(
  session: PgSession,
  { resource, change }: ReadyChange<ClientCertificateSpec, ClientCertificateSeen>,
  io: ApplyContext,
): Promise<Outcome> {
  const { spec } = resource as Resource<ClientCertificateSpec>;
  const entry = await readEntry(io, spec.certificate);
  const presented = keyOf(entry, 'tls.crt').expose();
  const trusted = keyOf(entry, 'ca.crt').expose();
  const privateKey = keyOf(entry, 'tls.key');
  const now = io.environment.now();
  requireFit(change.id, validatePath({ presented, trusted, purpose: 'client', privateKey }, now));
  const directory = directoryOf(session, change.id);
  const files = new Map([
    ['ca.crt', trusted],
    ['tls.crt', presented],
    ['tls.key', privateKey.expose()],
  ]);
  io.guard();
  await writeGeneration(directory, files, session.server.account, now);
  const written = (await readGeneration(directory, fileNames)) ?? [];
  return {
    done: {
      version: entry.version,
      fingerprint: io.fingerprint(...fingerprintParts(written)),
      outputs: { directory },
    },
  };
}

function directoryOf(session: PgSession, id: ResourceId): string {
  return join(session.server.certificatesFolder, `client-${parseResourceId(id).names[0]}`);
}
