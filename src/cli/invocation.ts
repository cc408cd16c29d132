const { parseArgs } = process.getBuiltinModule('node:util');
import type { ParseArgsOptionsConfig } from 'node:util';
import { Failure } from '../model/failure.ts';
import { exitCode } from './exit-codes.ts';
import type { Streams } from './terminal.ts';
import { Terminal } from './terminal.ts';

/** What a command is started with. */
export interface Invocation {
  readonly command: string;
  /** Without the command itself. */
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: (name: string) => string | undefined;
  readonly streams: Streams;
}

export interface Parsed<Values> {
  readonly values: Values & { readonly fleet?: string; readonly output?: string };
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

const commonOptions = {
  output: { type: 'string', short: 'o' },
  debug: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  fleet: { type: 'string', short: 'f' },
} as const satisfies ParseArgsOptionsConfig;

type Values<Options extends ParseArgsOptionsConfig> = {
  readonly [Name in keyof Options]?: Options[Name]['type'] extends 'boolean' ? boolean : string;
};

/** Wrong usage of the command line: exit code 64. */
export function wrongUsage(message: string, remedy?: string): Failure {
  return new Failure({ code: 'wrong-usage', message, remedy, exitCode: exitCode.wrongUsage });
}

/**
 * Reads the arguments of a command. `--output json`, `--debug` and `--fleet` belong to all of them.
 *
 * @param positionals - names of the arguments, `?` behind one that may be left out
 * @throws Failure `wrong-usage`
 */
export function parse<const Options extends ParseArgsOptionsConfig>(
  invocation: Invocation,
  options: Options,
  positionals: readonly string[] = [],
): Parsed<Values<Options>> {
  const help = `keywright ${invocation.command} --help`;
  let parsed;
  try {
    parsed = parseArgs({
      args: [...invocation.args],
      options: { ...commonOptions, ...options },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    const text = (error as Error).message.split('. ')[0] ?? '';
    throw wrongUsage(text.charAt(0).toLowerCase() + text.slice(1), help);
  }
  const values = parsed.values as Record<string, string | boolean | undefined>;
  const required = positionals.filter((name) => !name.endsWith('?')).length;
  if (parsed.positionals.length < required) {
    throw wrongUsage(`${positionals[parsed.positionals.length]} is missing`, help);
  }
  if (parsed.positionals.length > positionals.length) {
    throw wrongUsage(`"${parsed.positionals[positionals.length]}" is one argument too many`, help);
  }
  return {
    values: values as Values<Options> & { readonly fleet?: string; readonly output?: string },
    positionals: parsed.positionals,
    terminal: new Terminal(invocation.streams, outputOptions(invocation.args)),
  };
}

/** `--output json` and `--debug`, also where the rest of the arguments is wrong: the error has to be told right. */
export function outputOptions(args: readonly string[]): { readonly json: boolean; readonly debug: boolean } {
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const at = own.findIndex((each) => each === '--output' || each === '-o');
  const output = at >= 0 ? own[at + 1] : own.find((each) => each.startsWith('--output='))?.slice('--output='.length);
  return { json: output === 'json', debug: own.includes('--debug') };
}

/** Throws unless `--output` is one of those that a command knows. */
export function requireOutput(output: string | undefined, known: readonly string[] = ['text', 'json']): void {
  if (output !== undefined && !known.includes(output)) {
    throw wrongUsage(`--output ${output} is not known; there is ${known.join(', ')}`);
  }
}

/** A whole number of an option. */
export function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) {
    return undefined;
  }
  if (!/^\d{1,9}$/.test(text)) {
    throw wrongUsage(`--${name} ${text} is not a whole number`);
  }
  return Number(text);
}
