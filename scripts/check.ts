// npm run check [-- GATE…]: what must hold of every file before a change is taken. All gates run, all findings are
// printed; exits 1 when a gate has any.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

interface Gate {
  readonly title: string;
  /** Program below `node_modules/`, run on this Node, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
}

const root = join(import.meta.dirname, '..');

const gates: Readonly<Record<string, Gate>> = {
  format: { title: 'formatting', program: 'oxfmt/bin/oxfmt', args: ['--check', '--no-error-on-unmatched-pattern'] },
  lint: { title: 'lint and import table', program: 'oxlint/bin/oxlint', args: ['--format=unix'] },
  types: { title: 'types', program: 'typescript/bin/tsc', args: ['--noEmit', '--project', '.'] },
  unused: { title: 'unused code and packages', program: 'knip/bin/knip.js', args: ['--no-progress'] },
};

/** Runs a gate; true when it has no finding. A gate that cannot run has failed. */
async function passes(gate: Gate): Promise<boolean> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(root, 'node_modules', gate.program), ...gate.args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const code = await new Promise<number | string>((resolve) => {
    child.on('close', (status, signal) => resolve(signal ?? status ?? 1));
  });
  const seconds = ((performance.now() - start) / 1_000).toFixed(1).padStart(5);
  process.stdout.write(`${gate.title.padEnd(26)} ${code === 0 ? 'no findings' : 'FAILED     '} ${seconds} s\n`);
  if (code !== 0) process.stdout.write(`${output.trimEnd()}\n\n`);
  return code === 0;
}

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(gates, name));
if (unknown.length > 0) {
  process.stderr.write(`error: no gate ${unknown.join(', ')}; there are: ${Object.keys(gates).join(', ')}\n`);
  process.exit(64);
}

let failed = 0;
for (const [name, gate] of Object.entries(gates)) {
  if (names.length > 0 && !names.includes(name)) continue;
  if (!(await passes(gate))) failed++;
}
if (failed > 0) {
  process.stdout.write(`${failed} of the gates failed\n`);
  process.exitCode = 1;
}
