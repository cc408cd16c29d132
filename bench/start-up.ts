// CPU time of starting Keywright, as a multiple of `node -e 0`, in the clone and in the package. Rounds are interleaved,
// so that a busy machine burdens all commands alike; a figure is the median of its rounds.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackage } from './support/package.ts';

interface Command {
  readonly title: string;
  readonly program: string;
  readonly args: readonly string[];
  /** At most this multiple of `node -e 0`. */
  readonly aim?: number;
  /** Done before each run. */
  readonly before?: () => void;
}

const rounds = 11;
const runsPerRound = 10;
const root = join(import.meta.dirname, '..');
const example = join(root, 'examples/two-sites');
const folder = mkdtempSync(join(tmpdir(), 'keywright-start-up-'));
/** A copy of the example. */
const unseen = join(folder, 'unseen');
/** What the kernel counts process times in, on every Linux that Node runs on. */
const millisecondsPerTick = 10;

/** CPU time of all children that have ended, theirs included. */
function childrenMilliseconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Numbers 16 and 17 of proc(5), of which the first two precede the slice.
  return (Number(fields[13]) + Number(fields[14])) * millisecondsPerTick;
}

function run({ title, program, args, before }: Command): void {
  before?.();
  const { status, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  if (status !== 0) throw new Error(`${title} ended with ${status}: ${error?.message ?? stderr}`);
}

function millisecondsPerRun(command: Command): number {
  const before = childrenMilliseconds();
  for (let count = 0; count < runsPerRound; count++) run(command);
  return (childrenMilliseconds() - before) / runsPerRound;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function commandsOf(place: string, program: string): Command[] {
  return [
    { title: `${place}: --version`, program, args: ['--version'], aim: 1.25 },
    { title: `${place}: --help`, program, args: ['--help'], aim: 1.25 },
    { title: `${place}: check two-sites`, program, args: ['check', example], aim: 2 },
    { title: `${place}: check, not seen before`, program, args: ['check', unseen], aim: 2, before: changeUnseen },
  ];
}

/** A comment that was not there before: what was found about a fleet of another text is of no use. */
function changeUnseen(): void {
  const text = readFileSync(join(example, 'fleet.yaml'), 'utf8');
  writeFileSync(join(unseen, 'fleet.yaml'), `${text}# ${performance.now()}\n`);
}

function measure(commands: readonly Command[]): void {
  for (const command of commands) run(command);
  const [baseline = { title: '', program: '', args: [] }, ...others] = commands;
  const times = new Map(commands.map((command) => [command, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const command of commands) times.get(command)?.push(millisecondsPerRun(command));
  }
  const base = times.get(baseline) ?? [];
  process.stdout.write(`${baseline.title.padEnd(34)} ${median(base).toFixed(1).padStart(6)} ms CPU\n`);
  for (const command of others) {
    const own = times.get(command) ?? [];
    const ratio = median(own.map((time, round) => time / (base[round] ?? Number.NaN)));
    const verdict = ratio <= (command.aim ?? Infinity) ? 'aim' : 'MISSED: aim';
    process.stdout.write(
      `${command.title.padEnd(34)} ${median(own).toFixed(1).padStart(6)} ms CPU  ` +
        `${ratio.toFixed(2).padStart(5)} × node -e 0  (${verdict} ≤ ${command.aim})\n`,
    );
  }
}

try {
  mkdirSync(unseen);
  measure([
    { title: 'node -e 0', program: process.execPath, args: ['-e', '0'] },
    ...commandsOf('clone', join(root, 'bin/keywright')),
    ...commandsOf('package', installPackage(folder)),
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
