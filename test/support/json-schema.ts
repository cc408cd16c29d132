import type { JsonSchema } from '../../src/fleet/json-schema.ts';

/** What does not fit a JSON Schema, as places; the keywords that our own schemas use. */
export function schemaProblems(schema: JsonSchema, value: unknown, root: JsonSchema = schema, at = ''): string[] {
  const inner = (other: unknown, part: unknown, place: string) =>
    schemaProblems(other as JsonSchema, part, root, place);
  const fits = (other: unknown) => inner(other, value, at).length === 0;
  const problems: string[] = [];
  const fail = (what: string) => problems.push(`${at || '/'}: ${what}`);
  if (typeof schema.$ref === 'string') {
    const [, , , name = ''] = /^(#)(\/\$defs\/)(.+)$/.exec(schema.$ref) ?? [];
    problems.push(...inner((root.$defs as Record<string, unknown>)[name], value, at));
  }
  if (typeof schema.type === 'string' && schema.type !== typeOf(value)) {
    return [`${at || '/'}: ${typeOf(value)} instead of ${schema.type}`];
  }
  if ('const' in schema && schema.const !== value) {
    fail('another constant');
  }
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) {
    fail('none of the words');
  }
  if (typeof value === 'string' && typeof schema.pattern === 'string' && !new RegExp(schema.pattern, 'u').test(value)) {
    fail('another pattern');
  }
  if (
    typeof value === 'number' &&
    (value < Number(schema.minimum ?? value) || value > Number(schema.maximum ?? value))
  ) {
    fail('out of range');
  }
  if (Array.isArray(value)) {
    if (value.length < Number(schema.minItems ?? 0)) {
      fail('too few items');
    }
    problems.push(...value.flatMap((item, index) => (schema.items ? inner(schema.items, item, `${at}/${index}`) : [])));
  } else if (typeof value === 'object' && value !== null) {
    const properties = (schema.properties ?? {}) as Record<string, unknown>;
    for (const key of (schema.required ?? []) as string[]) {
      if (!Object.hasOwn(value, key)) {
        fail(`no ${key}`);
      }
    }
    for (const [key, part] of Object.entries(value)) {
      if (Object.hasOwn(properties, key)) {
        problems.push(...inner(properties[key], part, `${at}/${key}`));
      } else if (schema.additionalProperties === false) {
        fail(`unknown ${key}`);
      } else if (schema.additionalProperties !== undefined) {
        problems.push(...inner(schema.additionalProperties, part, `${at}/${key}`));
      }
      if (schema.propertyNames !== undefined) {
        problems.push(...inner(schema.propertyNames, key, `${at}/${key}`));
      }
    }
  }
  for (const part of (schema.allOf ?? []) as JsonSchema[]) {
    problems.push(...inner(part, value, at));
  }
  if (Array.isArray(schema.oneOf) && schema.oneOf.filter(fits).length !== 1) {
    fail('not exactly one of the choices');
  }
  if (schema.not !== undefined && fits(schema.not)) {
    fail('what must not be');
  }
  if (schema.if !== undefined && fits(schema.if)) {
    problems.push(...inner(schema.then, value, at));
  }
  return problems;
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : Number.isInteger(value) ? 'integer' : typeof value;
}
