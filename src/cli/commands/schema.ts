import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { values, terminal } = parse(invocation, {}, ['KIND?']);
  requireOutput(values.output);
  terminal.out('');
  return 0;
}
