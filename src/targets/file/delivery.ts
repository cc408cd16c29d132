import { join } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { parseTemplate, renderTemplate, TemplateError } from '../../model/template.ts';
import type { SecretEntry } from '../../stores/backend.ts';
import type { DirectorySpec } from './directory.spec.ts';
import { EnvNameTaken, renderEnv } from './env-file.ts';
import { renderPassFile, renderServiceFile } from './libpq-files.ts';
import type { LibpqConnection } from './libpq-files.ts';
import { vaultVariables } from './vault-env.ts';

/** The files of one generation, by name. */
export interface Delivery {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Sentences for a person, without values. */
  readonly notes: readonly string[];
}

const envFile = 'env';
const serviceFile = 'pg_service.conf';
const passFile = 'pgpass';

/** Files that only a service file names, so that nothing outside the generation points at them. */
const innerPrefix = '.libpq.';

/** Whether a file of a generation has a name in the folder itself. */
export function isVisible(name: string): boolean {
  return !name.startsWith(innerPrefix);
}

/**
 * What a generation at `generationPath` holds: a file per key (or per line of `data`), plain files, `env`, and libpq's
 * files. Throws a Failure that names the consumer's secret and the file; never with a value in it.
 *
 * @param plain - contents of the spec's `files`
 */
export function renderDelivery(
  spec: DirectorySpec,
  entries: ReadonlyMap<string, SecretEntry>,
  generationPath: string,
  plain: ReadonlyMap<string, Uint8Array> = new Map(),
): Delivery {
  const made = spec.data === undefined ? everyKey(spec, entries) : fromTemplates(spec, spec.data, entries);
  const values = new Map<string, string | Uint8Array>(made);
  for (const [name, content] of plain) {
    values.set(name, Buffer.from(content).toString('utf8'));
  }
  const files = new Map<string, Uint8Array>();
  for (const [name, value] of values) {
    checkName(spec, name);
    files.set(name, typeof value === 'string' ? Buffer.from(value, 'utf8') : value);
  }
  const texts = new Map([...values].filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
  const env = envOf(spec, spec.vault === true ? vaultVariables(texts, generationPath) : texts);
  files.set(envFile, Buffer.from(env.text, 'utf8'));
  if (spec.libpq !== undefined && spec.libpq.length > 0) {
    const connections = spec.libpq.map(({ service, alias }) =>
      connectionOf(spec, service, alias, entries, files, generationPath),
    );
    const passwords = renderPassFile(connections);
    files.set(serviceFile, Buffer.from(renderServiceFile(connections, join(generationPath, passFile)), 'utf8'));
    if (passwords !== '') {
      files.set(passFile, Buffer.from(passwords, 'utf8'));
    }
  }
  return { files, notes: env.leftOut };
}

function everyKey(spec: DirectorySpec, entries: ReadonlyMap<string, SecretEntry>): Map<string, string> {
  const values = new Map<string, string>();
  const origin = new Map<string, string>();
  for (const [alias, source] of Object.entries(spec.sources)) {
    const { data, path } = entryOf(spec, entries, alias);
    for (const key of source.keys ?? data.keys()) {
      const value = data.get(key);
      if (value === undefined) {
        throw failure(spec, 'delivery-key-missing', `${path} has no key ${key}`, 'put the key there, or leave it out');
      }
      const other = origin.get(key);
      if (other !== undefined) {
        const remedy = `name the files: data: { … : "{${alias}.${key}}" }`;
        throw failure(spec, 'delivery-name-taken', `${other} and ${alias} both have a key ${key}`, remedy);
      }
      origin.set(key, alias);
      values.set(key, value.expose());
    }
  }
  return values;
}

function fromTemplates(
  spec: DirectorySpec,
  data: Readonly<Record<string, string>>,
  entries: ReadonlyMap<string, SecretEntry>,
): Map<string, string | Uint8Array> {
  const values = new Map<string, string | Uint8Array>();
  for (const [name, text] of Object.entries(data)) {
    try {
      values.set(
        name,
        renderTemplate(parseTemplate(text), (placeholder) => valueOf(spec, entries, placeholder)),
      );
    } catch (error) {
      if (error instanceof TemplateError) {
        throw failure(
          spec,
          'template-invalid',
          `${name} cannot be put together: ${error.message}`,
          'mend this line of data',
        );
      }
      throw error;
    }
  }
  return values;
}

/** `{alias.key}`: an alias has no dot, a key may. */
function valueOf(
  spec: DirectorySpec,
  entries: ReadonlyMap<string, SecretEntry>,
  placeholder: string,
): string | undefined {
  const dot = placeholder.indexOf('.');
  const alias = dot === -1 ? placeholder : placeholder.slice(0, dot);
  if (dot === -1 || spec.sources[alias] === undefined) {
    return undefined;
  }
  return entryOf(spec, entries, alias)
    .data.get(placeholder.slice(dot + 1))
    ?.expose();
}

function entryOf(spec: DirectorySpec, entries: ReadonlyMap<string, SecretEntry>, alias: string): SecretEntry {
  const entry = entries.get(alias);
  if (entry === undefined) {
    const path = spec.sources[alias]?.path ?? alias;
    throw failure(spec, 'entry-missing', `${path} is not there`, 'apply the whole fleet: another resource makes it');
  }
  return entry;
}

/**
 * A key becomes a file name, and whoever may write an entry chooses its keys: nothing that leads out of the folder, or
 * stands for something of ours, is taken.
 */
function checkName(spec: DirectorySpec, name: string): void {
  const reserved =
    name === envFile ||
    ((name === serviceFile || name === passFile) && (spec.libpq?.length ?? 0) > 0) ||
    !isVisible(name);
  if (reserved) {
    throw failure(
      spec,
      'delivery-name-taken',
      `${name} is a file that Keywright writes itself`,
      'give it another name in data',
    );
  }
  if (name === '' || name === '.' || name.startsWith('..') || /[/\0\n\r]/.test(name) || Buffer.byteLength(name) > 253) {
    const shown = JSON.stringify(name.slice(0, 60));
    throw failure(
      spec,
      'delivery-name-invalid',
      `${shown} cannot be the name of a file`,
      'give it another name in data',
    );
  }
}

function envOf(spec: DirectorySpec, texts: ReadonlyMap<string, string>): ReturnType<typeof renderEnv> {
  try {
    return renderEnv(texts, spec.data === undefined ? 'capitals' : 'given');
  } catch (error) {
    if (error instanceof EnvNameTaken) {
      throw failure(spec, 'delivery-name-taken', error.message, 'give one of them another name in data');
    }
    throw error;
  }
}

function connectionOf(
  spec: DirectorySpec,
  service: string,
  alias: string,
  entries: ReadonlyMap<string, SecretEntry>,
  files: Map<string, Uint8Array>,
  generationPath: string,
): LibpqConnection {
  const { data, path } = entryOf(spec, entries, alias);
  const text = (key: string): string | undefined => data.get(key)?.expose();
  const needed = (key: string): string => {
    const value = text(key);
    if (value === undefined) {
      throw failure(spec, 'delivery-key-missing', `${path} has no key ${key} for libpq`, 'apply the whole fleet');
    }
    return value;
  };
  const file = (key: string): string | undefined => {
    const value = text(key);
    return value === undefined
      ? undefined
      : join(generationPath, fileWith(files, alias, key, Buffer.from(value, 'utf8')));
  };
  const host = needed('host');
  return {
    service,
    host,
    hostaddr: text('hostaddr') ?? addressOf(host),
    port: needed('port'),
    database: needed('database'),
    user: needed('username'),
    password: text('password'),
    rootCertificate: file('ca.crt'),
    certificate: file('tls.crt'),
    key: file('tls.key'),
  };
}

/** The delivered file of this key where it has this very content, else one of libpq's own. */
function fileWith(files: Map<string, Uint8Array>, alias: string, key: string, content: Buffer): string {
  const delivered = files.get(key);
  if (delivered !== undefined && content.equals(delivered)) {
    return key;
  }
  const name = `${innerPrefix}${alias}.${key}`;
  files.set(name, content);
  return name;
}

/** Names below localhost are loopback (RFC 6761, 6.3), which not every resolver knows. */
function addressOf(host: string): string | undefined {
  return host.endsWith('.localhost') ? '127.0.0.1' : undefined;
}

function failure(spec: DirectorySpec, code: string, what: string, remedy: string): Failure {
  return new Failure({
    code,
    message: `secret ${spec.name} of consumer ${spec.consumer}: ${what}`,
    object: `Consumer/${spec.consumer}`,
    remedy,
  });
}
