import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['RULE']);
  requireOutput(values.output);
  const { explainRule } = await import('../../checks/explain.ts');
  const text = explainRule(positionals[0] ?? '');
  terminal.result({ rule: positionals[0], text }, text);
  return 0;
}
