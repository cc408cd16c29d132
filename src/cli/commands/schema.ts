import { fleetJsonSchema } from '../../fleet/json-schema.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { nearest } from '../text.ts';

/** Prints the JSON Schema of a document of any kind, or of the `spec` of one kind. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['KIND?']);
  requireOutput(values.output);
  const schema = fleetJsonSchema();
  const [kind] = positionals;
  if (kind === undefined) {
    terminal.out(`${JSON.stringify(schema, undefined, 2)}\n`);
    return 0;
  }
  const definitions = schema['$defs'] as Readonly<Record<string, object>>;
  if (!Object.hasOwn(definitions, kind)) {
    const names = Object.keys(definitions);
    const near = nearest(kind, names);
    throw wrongUsage(
      `there is no kind ${kind}`,
      near === undefined ? `there is ${names.join(', ')}` : `did you mean ${near}`,
    );
  }
  terminal.out(`${JSON.stringify({ $schema: schema['$schema'], ...definitions[kind] }, undefined, 2)}\n`);
  return 0;
}
