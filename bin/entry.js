// The start of every command. Plain JavaScript without imports: `--version` is answered before anything else is read, an
// old Node can still parse this to say what is needed, and the compile cache is on before the rest. Nor is `node:fs`
// imported: that alone costs a tenth of the start, and process.stdout a sixth.
const fs = process.getBuiltinModule ? process.getBuiltinModule('fs') : await import('node:fs');
const root = new URL('../', import.meta.url);
const args = process.argv.slice(2);
const inClone = fs.existsSync(new URL('src/cli/help.ts', root));

if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  print(`${JSON.parse(fs.readFileSync(new URL('package.json', root), 'utf8')).version}\n`);
} else if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write(`Keywright needs Node.js 24 or newer; this is ${process.versions.node}.\n`);
  process.exitCode = 1;
} else {
  enableCompileCache();
  const help = requestedHelp();
  const text = help && (await import(inClone ? '../src/cli/help.ts' : '../dist/cli/help.js')).helpText(help.command);
  if (text) {
    print(text);
  } else {
    const { main } = await import(inClone ? '../src/cli/main.ts' : '../dist/cli/main.js');
    process.exitCode = await main(args);
  }
}

/** @param {string} text */
function print(text) {
  try {
    fs.writeSync(1, text);
  } catch {
    // A pipe that takes nothing just now, or whose reader is gone: what streams are for.
    process.stdout.on('error', () => {}).write(text);
  }
}

/** Into a folder that only we write: what lies in a shared one, as the default below /tmp, would be run as our code. */
function enableCompileCache() {
  const { env, getBuiltinModule } = process;
  if (env.NODE_COMPILE_CACHE) return;
  const cache = env.XDG_CACHE_HOME || `${env.HOME || getBuiltinModule('os').homedir()}/.cache`;
  const folder = inClone ? `${import.meta.dirname}/../node_modules/.cache/compile` : `${cache}/keywright`;
  getBuiltinModule('module').enableCompileCache(folder);
}

/** What help is asked for: `--help`, `help [command]`, `command --help`; never behind `--`, which belongs to a program. */
function requestedHelp() {
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const words = own.filter((word) => !word.startsWith('-'));
  if (words[0] === 'help') return { command: words[1] };
  return own.length === 0 || own.includes('--help') || own.includes('-h') ? { command: words[0] } : undefined;
}
