import { isOver, readLock, removeLock } from '../../engine/lock.ts';
import { Failure } from '../../model/failure.ts';
import { systemEnvironment } from '../environment.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';

/** Shows who holds the lock of a fleet and, when that is confirmed, takes it from them. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, { yes: { type: 'boolean' } }, ['FLEET?']);
  requireOutput(values.output);
  const { run } = await openRun(invocation, terminal, { path: positionals[0] ?? values.fleet });
  try {
    await run.openHome({ create: false });
    const state = run.home === undefined ? undefined : await readLock(run.home);
    const holder = state?.holder;
    if (run.home === undefined || state === undefined || holder === undefined) {
      terminal.result({ holder: null, removed: false }, 'nobody holds the lock\n');
      return 0;
    }
    const isDead = isOver(holder, systemEnvironment.now());
    terminal.err(
      `fleet ${run.compiled.fleet} is locked by \`keywright ${holder.command}\`\n` +
        `  process ${holder.pid} on ${holder.host}, since ${holder.since}, until ${holder.expires}\n` +
        (isDead ? '  It has ended; the next command takes the lock over by itself.\n' : '  It may still be at work.\n'),
    );
    if (values.yes !== true) {
      if (!terminal.canAsk) {
        throw new Failure({
          code: 'not-confirmed',
          message: 'the lock was left as it is',
          why: 'taking the lock of a run that is at work lets two runs undo each other',
          remedy: 'when it is surely gone: keywright unlock --yes',
        });
      }
      if (!(await terminal.ask('Take the lock away?'))) {
        throw new Failure({ code: 'not-confirmed', message: 'the lock was left as it is' });
      }
    }
    if (!(await removeLock(run.home, state))) {
      throw new Failure({
        code: 'lock-in-use',
        message: 'the lock was renewed meanwhile, so its holder is alive',
        remedy: `stop process ${holder.pid} on ${holder.host} first`,
      });
    }
    terminal.result({ holder, removed: true }, 'the lock is free\n');
    return 0;
  } finally {
    await run.close();
  }
}
