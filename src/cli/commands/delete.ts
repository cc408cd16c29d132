import { deleteRetained, reasonsForDeletion, requireRetained } from '../../engine/delete.ts';
import { takeLock } from '../../engine/fleet-apply.ts';
import { Failure } from '../../model/failure.ts';
import { takeSignals } from '../interrupt.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';
import { ApplyReporter, resultJson } from '../render/apply.ts';

/** Deletes something that was kept when it left the fleet, with the data in it. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, { 'yes-delete-data': { type: 'boolean' } }, ['ID']);
  requireOutput(values.output);
  const id = positionals[0] ?? '';
  const signals = takeSignals();
  const { run } = await openRun(invocation, terminal, { path: values.fleet, abort: signals.abort });
  try {
    await run.openHome({ create: false });
    requireRetained(run, id);
    if (values['yes-delete-data'] !== true) {
      throw new Failure({
        code: 'not-confirmed',
        message: `${id} was not deleted`,
        object: id,
        why: [...(await reasonsForDeletion(run, [id])), 'its data cannot be brought back'].join('; '),
        remedy: `keywright delete ${id} --yes-delete-data`,
      });
    }
    const lock = await takeLock(run, { command: 'delete' });
    try {
      await run.reloadInventory();
      const reporter = new ApplyReporter(terminal, { verbose: true });
      const result = await deleteRetained(run, [id], { lock, stop: signals.stop, onEvent: reporter.onEvent });
      terminal.err(terminal.json ? '' : reporter.failures(result));
      terminal.result(resultJson(result), `${result.done.length} deleted\n`);
      return signals.code() ?? (result.failed.length > 0 ? 1 : 0);
    } finally {
      await lock.release();
    }
  } finally {
    terminal.progress(undefined);
    signals.dispose();
    await run.close();
  }
}
