import { createHash } from 'node:crypto';

/**
 * One text for one value, whatever the order of its keys: object keys sorted, undefined fields left out. Maps, Sets,
 * Dates, bigints and byte arrays have a spelling of their own; a Secret shows `[secret]`, so a digest never rests on one.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value) ?? 'null';
}

/** SHA-256 of the canonical JSON, hex. Use it to compare specs and what was seen, never for secret values. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** Whether both have the same canonical JSON, told without making it where they are plain data. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) {
    return true;
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, at) => isSame(item, other[at]));
  }
  if (!isPlain(one) || !isPlain(other)) {
    return canonicalJson(one) === canonicalJson(other);
  }
  const keys = definedKeys(one);
  return keys.length === definedKeys(other).length && keys.every((key) => isSame(one[key], other[key]));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function definedKeys(value: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(value).filter((key) => value[key] !== undefined);
}

// Text straight from the value: plans of thousands of resources spend their time here.
function textOf(value: unknown): string | undefined {
  if (typeof value === 'bigint') {
    return `{"$bigint":"${value}"}`;
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(canonicalJson).join(',')}]`;
  }
  if (value instanceof Date) {
    return `{"$date":"${value.toISOString()}"}`;
  }
  if (value instanceof Uint8Array) {
    return `{"$bytes":"${Buffer.from(value).toString('hex')}"}`;
  }
  if (value instanceof Map) {
    const entries = [...value].map(([key, inner]): [string, string] => [canonicalJson(key), canonicalJson(inner)]);
    entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    return `{"$map":[${entries.map(([key, inner]) => `[${JSON.stringify(key)},${inner}]`).join(',')}]}`;
  }
  if (value instanceof Set) {
    return `{"$set":${JSON.stringify([...value].map(canonicalJson).sort())}}`;
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return JSON.stringify(value);
  }
  return objectText(value as Readonly<Record<string, unknown>>);
}

function objectText(value: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const inner = textOf(value[key]);
    if (inner !== undefined) {
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${inner}`;
    }
  }
  return `{${text}}`;
}
