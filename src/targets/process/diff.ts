import type { DiffContext, InventoryRecord } from '../../engine/interfaces.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import type { Resource } from '../../model/resource.ts';
import type { ProcessSeen } from './observe.ts';
import { judgeOwnership, leavingChange, refused } from './ownership.ts';
import type { ProcessSpec } from './process.spec.ts';
import { parseSettings, renderSettings } from './settings.ts';

/** What has to change about a server. Pure. */
export function diffProcess(
  wanted: Resource<ProcessSpec> | undefined,
  seen: ProcessSeen | undefined,
  recorded: InventoryRecord | undefined,
  context: DiffContext,
): Change {
  const id = (wanted?.id ?? recorded?.id) as Resource['id'];
  const question = { fleet: context.fleet, id, comment: seen?.memory?.mark, wanted, recorded };
  if (wanted === undefined) {
    return leavingChange(question, 'retain', 'left the fleet; the server is stopped, its data folder stays');
  }
  if (seen === undefined) {
    return { id, action: 'create', fields: createFields(wanted.spec) };
  }
  const ownership = judgeOwnership(question);
  if (ownership.owner === 'other') {
    return refused(id, ownership);
  }
  if (seen.version !== wanted.spec.version) {
    return {
      id,
      action: 'refused',
      fields: [],
      reason: `its data folder is of PostgreSQL ${seen.version}, the fleet asks for ${wanted.spec.version}`,
      refusal: { code: 'postgres-version-differs', remedy: `set \`version: ${seen.version}\`` },
    };
  }
  const fields = changedFields(wanted.spec, seen);
  if (ownership.owner === 'adoptable') {
    return { id, action: 'adopt', fields, reason: ownership.why };
  }
  const reason = seen.state === 'crashed' ? crashReason(seen) : undefined;
  return { id, action: fields.length === 0 ? 'none' : 'update', fields, reason };
}

function createFields(spec: ProcessSpec): FieldChange[] {
  return [
    { field: 'version', after: `PostgreSQL ${spec.version}` },
    { field: 'port', after: spec.port === undefined ? 'a free one from 15432 up' : String(spec.port) },
  ];
}

function changedFields(spec: ProcessSpec, seen: ProcessSeen): FieldChange[] {
  const fields: FieldChange[] = [];
  if (seen.state !== 'running') {
    fields.push({ field: 'state', before: seen.state, after: 'running' });
  }
  if (seen.memory === undefined) {
    fields.push({ field: 'server.json', before: 'missing', after: 'written' });
  }
  fields.push(...settingFields(spec, seen));
  if (!seen.doorOpen) {
    fields.push({ field: 'pg_hba.conf, pg_ident.conf', note: 'the superuser could not come in any more' });
  }
  for (const name of seen.live?.overridden ?? []) {
    fields.push({ field: name, note: 'ALTER SYSTEM has the last word on it' });
  }
  for (const name of seen.live?.pendingRestart ?? []) {
    fields.push({ field: name, note: 'waits for a restart' });
  }
  return fields;
}

function settingFields(spec: ProcessSpec, seen: ProcessSeen): FieldChange[] {
  const text = wantedSettings(spec, seen);
  if (text === undefined) {
    return [{ field: 'port', before: 'unknown', after: 'a free one from 15432 up', note: 'restarts the server' }];
  }
  if (text === seen.settings) {
    return [];
  }
  const before = parseSettings(seen.settings);
  const after = parseSettings(text);
  const needsRestart = new Set(['port', ...Object.keys(spec.startSettings)]);
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const fields = names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name): FieldChange => {
      const note = needsRestart.has(name) && seen.state === 'running' ? 'restarts the server' : undefined;
      return { field: name, before: before.get(name), after: after.get(name), note };
    });
  return fields.length === 0 ? [{ field: 'postgresql.conf', note: 'changed by hand' }] : fields;
}

/** The postgresql.conf that this server should have; undefined while its port is not known. */
function wantedSettings(spec: ProcessSpec, seen: ProcessSeen): string | undefined {
  const port = spec.port ?? seen.port;
  return port === undefined
    ? undefined
    : renderSettings({ port, socketDirectory: seen.server.socketDirectory, startSettings: spec.startSettings });
}

function crashReason(seen: ProcessSeen): string {
  const log = seen.logEnd === undefined || seen.logEnd === '' ? '' : `; its log ends with:\n${seen.logEnd}`;
  return `it ended without a shutdown${log}`;
}
