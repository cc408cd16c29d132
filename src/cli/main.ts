import { Failure } from '../model/failure.ts';
import { commandNames } from './command-names.ts';
import type { CommandName } from './command-names.ts';
import { exitCode } from './exit-codes.ts';
import { outputOptions } from './invocation.ts';
import type { Invocation } from './invocation.ts';
import { processStreams } from './streams.ts';
import { Terminal } from './terminal.ts';
import { nearest } from './text.ts';

type CommandModule = { readonly run: (invocation: Invocation) => Promise<number> };

/** Each command loads what it needs when it is called: nothing heavy lies on the way to the others. */
const commands: Readonly<Record<CommandName, () => Promise<CommandModule>>> = {
  init: () => import('./commands/init.ts'),
  check: () => import('./commands/check.ts'),
  plan: () => import('./commands/plan.ts'),
  apply: () => import('./commands/apply.ts'),
  verify: () => import('./commands/verify.ts'),
  status: () => import('./commands/status.ts'),
  up: () => import('./commands/up.ts'),
  down: () => import('./commands/down.ts'),
  exec: () => import('./commands/exec.ts'),
  sweep: () => import('./commands/sweep.ts'),
  secret: () => import('./commands/secret.ts'),
  access: () => import('./commands/access.ts'),
  delete: () => import('./commands/delete.ts'),
  unlock: () => import('./commands/unlock.ts'),
  target: () => import('./commands/target.ts'),
  revoke: () => import('./commands/revoke.ts'),
  unseal: () => import('./commands/unseal.ts'),
  store: () => import('./commands/store.ts'),
  schema: () => import('./commands/schema.ts'),
  explain: () => import('./commands/explain.ts'),
  completion: () => import('./commands/completion.ts'),
};

/**
 * Runs one command line, without the program's own name.
 *
 * @returns the exit code, see `exit-codes.ts`
 */
export async function main(argv: string[]): Promise<number> {
  const streams = processStreams();
  const [command = '', ...args] = argv;
  const terminal = new Terminal(streams, outputOptions(args));
  try {
    if (!isCommand(command)) {
      throw unknownCommand(command);
    }
    const { run } = await commands[command]();
    const env = (name: string): string | undefined => process.env[name];
    return await run({ command, args, cwd: process.cwd(), env, streams });
  } catch (error) {
    const { errorJson, failureText } = await import('./failure-text.ts');
    terminal.progress(undefined);
    const { interruptedCode } = await import('./interrupt.ts');
    const interrupted = interruptedCode();
    if (interrupted !== undefined && isAbort(error) && !terminal.debug) {
      terminal.err('interrupted\n');
      return interrupted;
    }
    if (terminal.json) {
      terminal.outJson({ error: errorJson(error) });
    } else {
      terminal.err(failureText(error, terminal.debug));
    }
    return interrupted ?? (error instanceof Failure ? error.exitCode : exitCode.failed);
  }
}

/** The error of something that was given up because we asked for it. */
function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.message === 'interrupted');
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(commands, word);
}

function unknownCommand(command: string): Failure {
  const near = nearest(command, commandNames);
  return new Failure({
    code: 'wrong-usage',
    message: command.startsWith('-') ? `${command} needs a command before it` : `there is no command ${command}`,
    remedy: near === undefined ? 'keywright --help lists the commands' : `did you mean: keywright ${near}`,
    exitCode: exitCode.wrongUsage,
  });
}
