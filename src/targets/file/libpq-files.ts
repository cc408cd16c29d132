import { Failure } from '../../model/failure.ts';

/** One connection as libpq reads it from files. */
export interface LibpqConnection {
  readonly service: string;
  readonly host: string;
  readonly hostaddr?: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  /** Absolute paths in one and the same generation. */
  readonly rootCertificate?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** libpq reads lines of a service file into a buffer of 1024 bytes, one of which ends the text. */
const longestLine = 1022;

/**
 * `pg_service.conf`: one section per connection, no password in it. Throws a Failure when a value cannot stand there:
 * the format has no quotes, so line breaks and blanks at the end are lost.
 */
export function renderServiceFile(connections: readonly LibpqConnection[], passFile: string): string {
  return connections.map((connection) => section(connection, passFile)).join('\n');
}

function section(connection: LibpqConnection, passFile: string): string {
  const { service } = connection;
  if (!/^[A-Za-z0-9_.-]+$/.test(service)) {
    throw unrepresentable(service, 'the name of the service');
  }
  const settings: readonly (readonly [string, string | undefined])[] = [
    ['host', connection.host],
    ['hostaddr', connection.hostaddr],
    ['port', connection.port],
    ['dbname', connection.database],
    ['user', connection.user],
    ['passfile', connection.password === undefined ? undefined : passFile],
    ['sslmode', 'verify-full'],
    ['sslrootcert', connection.rootCertificate],
    ['sslcert', connection.certificate],
    ['sslkey', connection.key],
    ['ssl_min_protocol_version', 'TLSv1.3'],
  ];
  const lines = settings.flatMap(([name, value]) => (value === undefined ? [] : [settingLine(service, name, value)]));
  return [`[${service}]`, ...lines, ''].join('\n');
}

function settingLine(service: string, name: string, value: string): string {
  const line = `${name}=${value}`;
  if (value === '' || /[\0\n\r]|\s$/.test(value) || Buffer.byteLength(line) > longestLine) {
    throw unrepresentable(service, name);
  }
  return line;
}

/**
 * `pgpass`: one line per connection with a password, `:`, `\` and what else has a meaning escaped. Throws a Failure when a value cannot stand
 * there.
 */
export function renderPassFile(connections: readonly LibpqConnection[]): string {
  return connections
    .flatMap(({ service, host, port, database, user, password }) => {
      if (password === undefined) {
        return [];
      }
      const fields = { host, port, database, user, password };
      for (const [name, value] of Object.entries(fields)) {
        if (value === '' || /[\0\n\r]/.test(value)) {
          throw unrepresentable(service, name);
        }
      }
      return [`${Object.values(fields).map(escaped).join(':')}\n`];
    })
    .join('');
}

/** Alone in its field a star would stand for anything, and a line that begins with # is passed over. */
function escaped(field: string): string {
  return field.replace(/[\\:]|^\*$|^#/g, '\\$&');
}

function unrepresentable(service: string, name: string): Failure {
  return new Failure({
    code: 'libpq-unrepresentable',
    message: `${name} of libpq service ${service} cannot be written into a libpq file`,
    why: 'those files have no quotes: a value may not be empty, hold a line break, end in a blank, or be very long',
    remedy: 'use a value without them',
  });
}
