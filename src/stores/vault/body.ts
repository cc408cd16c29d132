import { Secret } from '../../model/secret.ts';

export interface RequestBody {
  readonly text: string;
  /** Every secret value in it: an answer that repeats one must not be repeated by us. */
  readonly secrets: readonly string[];
}

/** Turns plain data with Secrets in it into the JSON text that is sent: the last edge, where values leave the program. */
export function requestBody(body: unknown): RequestBody {
  const secrets: string[] = [];
  const walk = (value: unknown): unknown => {
    if (value instanceof Secret) {
      const exposed = value.expose();
      secrets.push(exposed);
      return exposed;
    }
    if (value instanceof Map) {
      return Object.fromEntries([...value].map(([key, inner]): [string, unknown] => [String(key), walk(inner)]));
    }
    if (Array.isArray(value)) {
      return value.map(walk);
    }
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]): [string, unknown] => [key, walk(inner)]));
    }
    return value;
  };
  return { text: JSON.stringify(walk(body)), secrets };
}

/** Replaces secret values in a text that a server sent. Very short ones are left: they would tear words apart. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    for (const form of new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])) {
      if (form.length >= 4) {
        clean = clean.replaceAll(form, '[secret]');
      }
    }
  }
  return clean;
}
