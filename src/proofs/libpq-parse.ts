import { Secret } from '../model/secret.ts';

/** Sections of a connection service file, as libpq reads them: the first setting of a name counts. */
export function parseServiceFile(text: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const services = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const line of text.split('\n').map((each) => each.trim())) {
    const [, name] = /^\[(.*)\]$/.exec(line) ?? [];
    if (name !== undefined) {
      current = services.has(name) ? undefined : new Map();
      if (current !== undefined) {
        services.set(name, current);
      }
    } else if (line !== '' && !line.startsWith('#') && current !== undefined) {
      const equals = line.indexOf('=');
      const key = line.slice(0, equals).trim();
      if (equals > 0 && !current.has(key)) {
        current.set(key, line.slice(equals + 1));
      }
    }
  }
  return services;
}

export interface PassQuestion {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
}

/** The password of the first line of a pass file that fits; a bare `*` fits anything, `\` makes the next character plain. */
export function findPassword(text: string, { host, port, database, user }: PassQuestion): Secret | undefined {
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) {
      continue;
    }
    const fields = splitFields(line);
    const wanted = [host, port, database, user];
    if (
      fields.length >= 5 &&
      wanted.every((value, index) => fields[index]?.raw === '*' || fields[index]?.value === value)
    ) {
      return new Secret(fields[4]?.value ?? '');
    }
  }
  return undefined;
}

function splitFields(line: string): { readonly raw: string; readonly value: string }[] {
  return (line.match(/(?:\\.|[^:\\])*(?::|$)/g) ?? []).map((part) => {
    const raw = part.endsWith(':') && !/(^|[^\\])(\\\\)*\\:$/.test(part) ? part.slice(0, -1) : part;
    return { raw, value: raw.replaceAll(/\\(.)/g, '$1') };
  });
}
