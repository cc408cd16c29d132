// The start of every command. Plain JavaScript without static imports of ours: `--version` is answered before anything
// else is read, an old Node can still parse this to say what is needed, and the compile cache is on before the rest.
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const args = process.argv.slice(2);
const inClone = existsSync(new URL('src/cli/help.ts', root));

if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  process.stdout.write(`${JSON.parse(readFileSync(new URL('package.json', root), 'utf8')).version}\n`);
} else if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`Keywright needs Node.js 24 or newer; this is ${process.versions.node}.\n`);
  process.exitCode = 1;
} else {
  enableCompileCache();
  const help = requestedHelp();
  const text = help && (await import(inClone ? '../src/cli/help.ts' : '../dist/cli/help.js')).helpText(help.command);
  if (text) {
    process.stdout.write(text);
  } else {
    const { main } = await import(inClone ? '../src/cli/main.ts' : '../dist/cli/main.js');
    process.exitCode = await main(args);
  }
}

/** A folder that only we write: what lies in a shared one, as the default below /tmp, would be run as our code. */
function enableCompileCache() {
  if (process.env.NODE_COMPILE_CACHE) return;
  const cache = process.env.XDG_CACHE_HOME || `${homedir()}/.cache`;
  module.enableCompileCache(
    inClone ? fileURLToPath(new URL('node_modules/.cache/compile', root)) : `${cache}/keywright`,
  );
}

/** What help is asked for: `--help`, `help [command]`, `command --help`; never behind `--`, which belongs to a program. */
function requestedHelp() {
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const words = own.filter((word) => !word.startsWith('-'));
  if (words[0] === 'help') return { command: words[1] };
  return own.length === 0 || own.includes('--help') || own.includes('-h') ? { command: words[0] } : undefined;
}
