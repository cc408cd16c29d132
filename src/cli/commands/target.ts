import { acceptTarget, targetExchange } from '../../engine/accept-target.ts';
import { takeLock } from '../../engine/fleet-apply.ts';
import { Failure } from '../../model/failure.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';

/** `target accept TARGET`: from now on it is the server that it is now. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, { yes: { type: 'boolean' } }, ['accept', 'TARGET']);
  requireOutput(values.output);
  if (positionals[0] !== 'accept') {
    throw wrongUsage(`target ${positionals[0]} is not known`, 'keywright target accept TARGET');
  }
  const { run } = await openRun(invocation, terminal, { path: values.fleet });
  try {
    await run.openHome({ create: false });
    const exchange = await targetExchange(run, positionals[1] ?? '');
    const { target, before, now } = exchange;
    if (before === now || run.home === undefined) {
      terminal.result({ target, before, now, accepted: false }, `${target} is the same as before\n`);
      return 0;
    }
    terminal.err(`${target}\n  was  ${before ?? 'not known yet'}\n  is   ${now ?? 'without identity'}\n`);
    if (values.yes !== true && !(terminal.canAsk && (await terminal.ask('Accept it as the same target?')))) {
      throw new Failure({
        code: 'not-confirmed',
        message: `${target} was not accepted`,
        remedy: terminal.canAsk ? undefined : `keywright target accept ${target} --yes`,
      });
    }
    const lock = await takeLock(run, { command: 'target accept' });
    try {
      await run.reloadInventory();
      lock.guard();
      await acceptTarget(run, exchange);
    } finally {
      await lock.release();
    }
    terminal.result({ target, before, now, accepted: true }, `${target} accepted\n`);
    return 0;
  } finally {
    await run.close();
  }
}
