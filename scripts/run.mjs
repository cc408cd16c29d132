// What every npm script calls: installs the packages when the lock file has changed, then runs the script on the Node
// that the clone carries. Plain JavaScript that Node 18 parses, because it runs before any of that is there.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.keywright-install');
const entry = join(root, 'bin/entry.js');

/**
 * Each script's name and what runs for it, with the arguments that npm passes on.
 * @type {Record<string, string[] | undefined>}
 */
const scripts = {
  install: undefined,
  keywright: [entry],
  up: [entry, 'up', join(root, 'examples/two-sites')],
  'up:openbao': [entry, 'up', join(root, 'examples/two-sites-openbao')],
  test: [join(root, 'scripts/test.ts')],
  check: [join(root, 'scripts/check.ts')],
  build: [join(root, 'scripts/build.ts')],
  bench: [join(root, 'scripts/bench.ts')],
};

/** Scripts that need `bao`: it is put on the PATH of the program from where `scripts/tools.ts` has it. */
const needsOpenBao = new Set(['up:openbao']);

/** @param {string} message @returns {never} */
function stop(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** The stamp of a finished install: the lock file's digest and the platform, since a folder may be shared by two. */
function wantedStamp() {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${digest} ${process.platform}-${process.arch}\n`;
}

function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wantedStamp();
}

/** @param {unknown} error @param {string} code */
function hasCode(error, code) {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

/**
 * Holds a lock during the work, so that `npm run up` and `npm test` may both be the first on a fresh clone.
 * @param {() => Promise<void>} work
 */
async function underInstallLock(work) {
  const lock = join(root, '.tools/install.lock');
  mkdirSync(join(root, '.tools'), { recursive: true });
  let told = false;
  for (;;) {
    try {
      writeSync(openSync(lock, 'wx'), String(process.pid));
      break;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
    // An empty file is a holder between its two calls.
    if (holder > 0 && !isAlive(holder)) rmSync(lock, { force: true });
    else if (!told) process.stderr.write(`Waiting for another install here (process ${holder}, ${lock}) …\n`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** `npm ci` by the npm that started us, else by the one on PATH. Its output is shown only when it fails. */
async function install() {
  process.stderr.write('Installing the packages of the lock file (once, some seconds) …\n');
  const own = process.env.npm_execpath;
  const [npm, ...first] = own && basename(own) === 'npm-cli.js' ? [process.execPath, own] : ['npm'];
  const wanted = ['--include=dev', '--include=optional', '--ignore-scripts', '--engine-strict=false'];
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  const child = spawn(npm ?? 'npm', [...first, 'ci', ...wanted, ...quiet], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      output += `${error.message}\n`;
      resolve(1);
    });
    child.on('close', (status, signal) => resolve(signal ?? status));
  });
  if (code !== 0) throw new Error(`${output.trimEnd()}\nerror: npm ci did not finish (${code}); nothing was started.`);
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, wantedStamp());
}

/** The Node to run on: the carried one, else the running one if it is new enough. */
function findNode() {
  const carried = join(modules, `node-linux-${process.arch}`, 'bin/node');
  if (process.platform === 'linux' && existsSync(carried)) return carried;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return stop(
    `Keywright needs Node.js 24 or newer: this is ${process.versions.node}, and no Node is carried for ` +
      `${process.platform}-${process.arch}.`,
  );
}

/**
 * Runs a program to its end, with our terminal. The program gets a session of its own: a Ctrl+C reaches us from the
 * terminal and again from npm, and the program must see it once. So only we hand signals on, and the same signal
 * within a third of a second is the same key press.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number | NodeJS.Signals>} exit code, or the signal that ended it
 */
function supervise(command, args, env) {
  const child = spawn(command, args, { stdio: 'inherit', detached: true, env });
  const lastSeen = new Map();
  /** @type {NodeJS.Signals[]} */
  const handedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH'];
  for (const signal of handedOn) {
    process.on(signal, () => {
      const now = performance.now();
      if (now - (lastSeen.get(signal) ?? -Infinity) > 330) child.kill(signal);
      lastSeen.set(signal, now);
    });
  }
  process.on('SIGTSTP', () => {
    child.kill('SIGSTOP');
    process.kill(process.pid, 'SIGSTOP');
  });
  process.on('SIGCONT', () => child.kill('SIGCONT'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ?? code ?? 1));
  });
}

/**
 * The program's environment; with `bao` on PATH where the script needs it (tools.ts says what is missing).
 * @param {string} name
 * @param {string} node
 */
async function environmentFor(name, node) {
  if (!needsOpenBao.has(name)) return process.env;
  const tools = spawn(node, [join(root, 'scripts/tools.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let folder = '';
  tools.stdout.on('data', (chunk) => (folder += chunk));
  const code = await new Promise((resolve) => tools.on('close', resolve));
  if (code !== 0) process.exit(1);
  return { ...process.env, PATH: `${folder.trim()}${delimiter}${process.env.PATH}` };
}

const [name = '', ...args] = process.argv.slice(2);
if (!Object.hasOwn(scripts, name)) {
  stop(`There is no script "${name}"; there are: ${Object.keys(scripts).join(', ')}.`);
}

if (!isInstalled()) {
  try {
    await underInstallLock(async () => {
      if (!isInstalled()) await install();
    });
  } catch (error) {
    stop(error instanceof Error ? error.message : String(error));
  }
}

const program = scripts[name];
if (program) {
  const node = findNode();
  const ended = await supervise(node, [...program, ...args], await environmentFor(name, node));
  if (typeof ended === 'number') process.exit(ended);
  process.removeAllListeners(ended);
  process.kill(process.pid, ended);
}
