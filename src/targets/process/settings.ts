import { userInfo } from 'node:os';

/** Database user that Keywright works as: the one that initdb made, let in over the socket only. */
export const superuser = 'postgres';

/** First line of every configuration file that we write. */
export const fileHeader = '# Written by Keywright as a whole: what is changed here by hand is changed back.';

/** Settings that the `process` resource owns besides those of the fleet. */
const own: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_permissions: '0700',
  // A server for one machine's fleet: 9 MB instead of 20, times the number of servers.
  shared_buffers: '16MB',
  io_workers: '1',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  datestyle: 'iso, mdy',
  lc_messages: 'C',
  default_text_search_config: 'pg_catalog.english',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '%m [%p] %q%u@%d %a ',
  log_checkpoints: 'off',
  // Statements may hold secrets, those that fail most of all: only the error itself is logged.
  log_statement: 'none',
  log_min_error_statement: 'panic',
  log_min_duration_statement: '-1',
  log_parameter_max_length_on_error: '0',
};

/** Files that later resources own; each is included when it exists, and the last one wins. */
export const tlsFile = 'keywright-tls.conf';
export const parametersFile = 'keywright.conf';

export interface ServerSettings {
  readonly port: number;
  readonly socketDirectory: string;
  readonly startSettings: Readonly<Record<string, string>>;
}

/** The whole of postgresql.conf. */
export function renderSettings({ port, socketDirectory, startSettings }: ServerSettings): string {
  const settings = { ...own, ...startSettings, port: String(port), unix_socket_directories: socketDirectory };
  return [
    fileHeader,
    ...Object.entries(settings).map(([name, value]) => settingLine(name, value)),
    ...[tlsFile, parametersFile].map((file) => `include_if_exists = '${file}'`),
    '',
  ].join('\n');
}

/** One line of a configuration file. Quotes are doubled; a backslash would start an escape. */
export function settingLine(name: string, value: string): string {
  return `${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** First line of pg_hba.conf, always: the superuser, over the socket, told by the account at its other end. */
export const superuserHbaLine = `local all ${superuser} peer map=adm`;

/** Line of pg_ident.conf that lets this account be the superuser. */
export function superuserIdentLine(): string {
  return `adm "${userInfo().username.replaceAll('"', '""')}" ${superuser}`;
}

/** pg_hba.conf and pg_ident.conf of a server into which nobody else may log in yet. */
export function firstHba(): string {
  return `${fileHeader}\n${superuserHbaLine}\n`;
}

export function firstIdent(): string {
  return `${fileHeader}\n${superuserIdentLine()}\n`;
}

/** The settings in a postgresql.conf as we write it; includes and whatever else stands there are left out. */
export function parseSettings(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([\w.]+)\s*=?\s*'((?:[^'\\]|''|\\.)*)'\s*(?:#.*)?$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) {
      settings.set(name.toLowerCase(), value.replaceAll("''", "'").replaceAll('\\\\', '\\'));
    }
  }
  return settings;
}
