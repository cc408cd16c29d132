import { exitCode } from '../exit-codes.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';
import { gatherStatus } from '../status/gather.ts';
import { statusText } from '../status/text.ts';

/** What runs, what expires, what was proven, and who keeps the fleet. Asks nothing but this machine and the store. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['FLEET?']);
  requireOutput(values.output);
  const opened = await openRun(invocation, terminal, { path: positionals[0] ?? values.fleet });
  try {
    await opened.run.openHome({ create: false });
    const status = await gatherStatus(opened);
    terminal.result(status, statusText(terminal, status, new Date(status.at)));
    return status.unasked.length === 0 ? exitCode.done : exitCode.couldNotAsk;
  } finally {
    await opened.run.close();
  }
}
