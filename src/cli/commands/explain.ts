import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';

export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['RULE']);
  requireOutput(values.output);
  const { explain } = await import('../language.ts');
  const text = explain(positionals[0] ?? '');
  if (terminal.json) {
    terminal.outJson({ rule: positionals[0], text });
  } else {
    terminal.out(text.endsWith('\n') ? text : `${text}\n`);
  }
  return 0;
}
