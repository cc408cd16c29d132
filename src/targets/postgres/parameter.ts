import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { InventoryRecord, ResourceKind, RunContext } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { parseResourceId, resourceId, type ResourceId, targetId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { readIfThere } from '../process/owned-file.ts';
import { parametersFile, parseSettings } from '../process/settings.ts';
import { granted, knownGrants } from './known.ts';
import { differs } from './marked.ts';
import { applyParameters } from './parameter-apply.ts';
import type { ParameterSpec } from './postgres.spec.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';

export interface ParameterSeen {
  /** In our file; undefined: it has no such line, and the resource is only seen for what else is wrong. */
  readonly value?: string;
  /** `ALTER SYSTEM` has the last word on it. */
  readonly overridden: boolean;
  /** Changing it restarts the server. */
  readonly needsRestart: boolean;
  /** Its value in the file waits for a restart. */
  readonly pendingRestart: boolean;
  /** The server has read the file since it was written. */
  readonly loaded: boolean;
  /** Lines of the file that nobody asked for; each is seen by one resource only. */
  readonly strays: readonly string[];
}

/** Settings that belong to other resources, or by which Keywright itself comes in. */
const notParameters = new Set([
  'port',
  'listen_addresses',
  'unix_socket_directories',
  'unix_socket_permissions',
  'data_directory',
  'config_file',
  'hba_file',
  'ident_file',
  'ssl',
  'ssl_cert_file',
  'ssl_key_file',
  'ssl_ca_file',
  'ssl_crl_file',
  'ssl_crl_dir',
  'ssl_min_protocol_version',
]);

/** `postgres/<name>/parameter/<parameter>`: see `postgres.spec.ts`. */
export const parameterKind: ResourceKind<PgSession, ParameterSpec, ParameterSeen> = {
  kind: 'parameter',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'file',

  observe: (session, wanted, recorded, context) => observe(session, wanted, recorded, context),
  diff: diffParameter,
  outputs: () => granted,
  apply: (session, changes, io) => applyParameters(session, changes, io),
};

async function observe(
  session: PgSession,
  wanted: readonly Resource<ParameterSpec>[],
  recorded: readonly InventoryRecord[],
  context: RunContext,
): Promise<ReadonlyMap<ResourceId, Answer<ParameterSeen>>> {
  const path = join(session.server.dataDirectory, parametersFile);
  const { settings, fileSettings, loadedAt } = await session.configuration();
  const inFile = parseSettings((await readIfThere(path)) ?? '');
  const loaded =
    (await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    )) <= loadedAt;
  const overridden = new Set(
    fileSettings.flatMap(({ name, file }) =>
      name !== null && file.endsWith('/postgresql.auto.conf') ? [name.toLowerCase()] : [],
    ),
  );
  const isKnown = knownGrants([...wanted, ...recorded], context);
  const target = targetId('postgres', session.name);
  const strays = [...inFile.keys()].filter((name) => !isKnown(resourceId(target, 'parameter', name)));
  const answers = new Map<ResourceId, Answer<ParameterSeen>>();
  for (const id of idsOf(wanted, recorded)) {
    const name = (parseResourceId(id).names[0] as string).toLowerCase();
    const value = inFile.get(name);
    const own = id === wanted[0]?.id ? strays : [];
    const setting = settings.get(name);
    const seen: ParameterSeen = {
      value,
      overridden: overridden.has(name),
      needsRestart: setting?.context === 'postmaster',
      pendingRestart: setting?.pendingRestart ?? false,
      loaded,
      strays: own,
    };
    const isAbsent = value === undefined && !seen.overridden && own.length === 0;
    // Absent or not, a plan has to say that the server will be restarted.
    answers.set(id, isAbsent && !seen.needsRestart ? absent : present(seen));
  }
  return answers;
}

function diffParameter(
  wanted: Resource<ParameterSpec> | undefined,
  seen: ParameterSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  const restarts = seen?.needsRestart === true ? 'restarts the server' : undefined;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: ['left the fleet', restarts].filter(Boolean).join('; ') };
  }
  const { name, value } = wanted.spec;
  if (notParameters.has(name.toLowerCase())) {
    return {
      id,
      action: 'refused',
      fields: [],
      reason: `${name} belongs to the server's process, its TLS or its rules`,
      refusal: { code: 'parameter-not-yours', remedy: `take ${name} out of \`parameters\`` },
    };
  }
  const fields: FieldChange[] = [
    ...differs('value', seen?.value, value, restarts),
    ...(seen?.overridden === true ? [{ field: 'value', note: 'ALTER SYSTEM has the last word on it' }] : []),
    ...(seen?.strays ?? []).map((stray): FieldChange => ({
      field: stray,
      before: 'set',
      after: 'none',
      note: 'nobody asked for it',
    })),
  ];
  if (fields.length === 0 && seen?.pendingRestart === true) {
    fields.push({ field: 'value', note: 'waits for a restart' });
  }
  if (fields.length === 0 && seen?.loaded === false) {
    fields.push({ field: 'value', note: 'not loaded yet' });
  }
  const action = seen?.value === undefined ? 'create' : 'update';
  return { id, action: fields.length === 0 ? 'none' : action, fields };
}
