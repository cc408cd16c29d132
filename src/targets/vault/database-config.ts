import type { FieldChange } from '../../model/change.ts';
import { asObject, asText, strings } from '../../stores/vault/reply.ts';
import { resolved } from '../postgres/resolved.ts';
import type { DatabaseConnectionSpec } from './database-connection.spec.ts';

/**
 * Names of fields of our own in the configuration of a connection: whose it is, and the fingerprint of the verifier of the
 * password that the engine has. The engine keeps what it does not know and takes no notice of it.
 */
export const ownFields = { mark: 'keywright', login: 'keywright_login' } as const;

/** Sessions of an engine on one database, at most; those that it keeps open; how long one is used. */
const sessions = { most: 4, idle: 1, seconds: 300 };

const credentials = '{{username}}:{{password}}';

/** A connection as the API answers it. */
export interface SeenConfig {
  readonly plugin: string;
  readonly pluginVersion: string;
  readonly allowedRoles: readonly string[];
  readonly rotationStatements: readonly string[];
  readonly passwordPolicy: string;
  /** Everything else; no secret is among it. */
  readonly details: Readonly<Record<string, unknown>>;
}

export function readConfig(data: Readonly<Record<string, unknown>>): SeenConfig {
  return {
    plugin: asText(data['plugin_name']),
    pluginVersion: asText(data['plugin_version']),
    allowedRoles: strings(data['allowed_roles']),
    rotationStatements: strings(data['root_credentials_rotate_statements']),
    passwordPolicy: asText(data['password_policy']),
    details: asObject(data['connection_details']) ?? {},
  };
}

/** What is written, beside the mark. Everything that Keywright answers for is in it, also what is at its default. */
export function configBody(spec: DatabaseConnectionSpec): Readonly<Record<string, unknown>> {
  return {
    plugin_name: plugin,
    plugin_version: '',
    connection_url: connectionUrl(spec),
    username: spec.username,
    username_template: spec.usernameTemplate,
    allowed_roles: spec.allowedRoles,
    password_authentication: 'scram-sha-256',
    password_policy: '',
    root_rotation_statements: [],
    disable_escaping: false,
    max_open_connections: sessions.most,
    max_idle_connections: sessions.idle,
    max_connection_lifetime: `${sessions.seconds}s`,
  };
}

const plugin = 'postgresql-database-plugin';

function connectionUrl({ host, port, database, trustFile }: DatabaseConnectionSpec): string {
  const parameters = new URLSearchParams({
    sslmode: 'verify-full',
    sslrootcert: resolved(trustFile),
    application_name: 'keywright-engine',
  });
  return `postgresql://${credentials}@${resolved(host)}:${resolved(port)}/${encodeURIComponent(database)}?${parameters.toString()}`;
}

/** What differs and lets the engine come in elsewhere, or as somebody else: it must prove itself again. */
export function entranceChanges(spec: DatabaseConnectionSpec, { plugin: seen, details }: SeenConfig): FieldChange[] {
  const should = partsOf(connectionUrl(spec));
  const are = partsOf(textOf(details['connection_url']));
  return [
    ...changed('plugin', seen, plugin),
    ...[...new Set([...are.keys(), ...should.keys()])].flatMap((field) =>
      changed(field, are.get(field) ?? 'none', should.get(field) ?? 'none'),
    ),
    ...changed('username', textOf(details['username']), spec.username),
    ...changed('escaping', String(details['disable_escaping'] === true ? 'off' : 'on'), 'on'),
  ];
}

/** All else that differs. */
export function tuningChanges(spec: DatabaseConnectionSpec, seen: SeenConfig): FieldChange[] {
  const { details } = seen;
  return [
    ...changed('allowed roles', listed(seen.allowedRoles), listed(spec.allowedRoles)),
    ...changed('names of logins', textOf(details['username_template']), spec.usernameTemplate),
    ...changed('passwords are sent', textOf(details['password_authentication']) || 'password', 'scram-sha-256'),
    ...changed('password policy', seen.passwordPolicy || 'none', 'none'),
    ...changed('rotation statements', listed(seen.rotationStatements), 'none'),
    ...changed('plugin version', seen.pluginVersion || 'the built-in one', 'the built-in one'),
    ...changed('sessions', textOf(details['max_open_connections'] ?? 4), String(sessions.most)),
    ...changed('idle sessions', textOf(details['max_idle_connections'] ?? 0), String(sessions.idle)),
    ...changed('life of a session', lifeOf(details['max_connection_lifetime']), `${sessions.seconds} s`),
  ];
}

/** A URL in words, so that its spelling is no difference: address, database, each parameter. */
function partsOf(text: string): ReadonlyMap<string, string> {
  const bare = text.replace(`${credentials}@`, '');
  if (!URL.canParse(bare)) {
    return new Map([['URL', text]]);
  }
  const url = new URL(bare);
  const given = url.username !== '' || url.password !== '';
  return new Map([
    ['address', url.host],
    ['database', decodeURIComponent(url.pathname.slice(1))],
    ...(given || bare === text ? ([['credentials in the URL', given ? 'written out' : 'missing']] as const) : []),
    ...url.searchParams.entries(),
  ]);
}

/** `5m0s`, `300s` and 300 are one length of time. */
function lifeOf(value: unknown): string {
  const units: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };
  const text = textOf(value ?? '0');
  const parts = [...text.matchAll(/(\d+)([hms])/g)];
  const seconds = /^\d+$/.test(text)
    ? Number(text)
    : parts.reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ''] ?? 0), 0);
  return `${seconds} s`;
}

function listed(values: readonly string[]): string {
  return [...values].sort().join(', ') || 'none';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

function changed(field: string, before: string, after: string): FieldChange[] {
  return before === after ? [] : [{ field, before, after }];
}
