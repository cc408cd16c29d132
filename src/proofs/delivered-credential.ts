import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { Secret } from '../model/secret.ts';
import type { LoginRequest } from './connect.ts';
import { findPassword, parseServiceFile } from './libpq-parse.ts';

export interface DeliveredCredential {
  readonly service: string;
  readonly sslmode: string | undefined;
  readonly request: LoginRequest;
}

/** What the libpq files of a delivered folder say, read as libpq does: no entry of a store, no output of a resource. */
export async function deliveredCredentials(folder: string): Promise<DeliveredCredential[]> {
  const services = parseServiceFile(await textOf(folder, 'pg_service.conf'));
  return Promise.all([...services].map(([service, settings]) => credentialOf(folder, service, settings)));
}

async function credentialOf(
  folder: string,
  service: string,
  settings: ReadonlyMap<string, string>,
): Promise<DeliveredCredential> {
  const text = (name: string): string => settings.get(name) ?? '';
  const file = async (name: string): Promise<string | undefined> => {
    const path = settings.get(name);
    return path === undefined ? undefined : textOf(folder, path);
  };
  const passFile = await file('passfile');
  const certificate = await file('sslcert');
  const key = await file('sslkey');
  const question = { host: text('host'), port: text('port'), database: text('dbname'), user: text('user') };
  return {
    service,
    sslmode: settings.get('sslmode'),
    request: {
      endpoint: {
        postgres: service,
        host: question.host,
        hostaddr: settings.get('hostaddr') ?? question.host,
        port: Number(question.port),
        socketDirectory: '',
        dataDirectory: '',
      },
      user: question.user,
      database: question.database,
      password: passFile === undefined ? undefined : findPassword(passFile, question),
      certificate: certificate === undefined || key === undefined ? undefined : { certificate, key: new Secret(key) },
      trust: await file('sslrootcert'),
    },
  };
}

function textOf(folder: string, path: string): Promise<string> {
  return readFile(isAbsolute(path) ? path : join(folder, path), 'utf8');
}
