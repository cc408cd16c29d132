import { Failure } from '../model/failure.ts';
import { wrongUsage } from './invocation.ts';
import type { Terminal } from './terminal.ts';

/** A value leaves only when it is asked for, and into a pipe or a file only when that is said too. */
export function requireShowable(
  values: { readonly show?: boolean; readonly 'to-pipe'?: boolean },
  terminal: Terminal,
): void {
  if (values['to-pipe'] === true && values.show !== true) {
    throw wrongUsage('--to-pipe says where to, --show says that', 'give both');
  }
  if (values.show === true && !terminal.outputIsTerminal && values['to-pipe'] !== true) {
    throw new Failure({
      code: 'value-to-pipe',
      message: 'the value was not shown: standard output is not a terminal',
      why: 'what goes into a pipe or a file is easily kept, logged or shared',
      remedy: 'when that is meant: --show --to-pipe',
    });
  }
}
