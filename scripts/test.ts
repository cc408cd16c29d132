// npm test [-- PATH… --unit --name PATTERN --jobs N]: all test files, or those whose path contains a PATH.
import { delimiter, dirname, join } from 'node:path';
import { runGroup } from './test-runner/group.ts';
import { Report } from './test-runner/report.ts';
import { selectTests } from './test-runner/select.ts';
import type { TestGroup } from './test-runner/select.ts';
import { openBaoTool } from './tools.ts';

const root = join(import.meta.dirname, '..');
const selection = select();
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());

const report = new Report(root, (text) => process.stdout.write(text));
// The compile cache takes type stripping and compiling out of every process after the first.
const env: NodeJS.ProcessEnv = { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile'), ...process.env };
const tools = selection.separate.length === 0 ? undefined : provideTools();

if (selection.unit) await runTimed(selection.unit);
await tools;
const waiting = [...selection.separate];
await Promise.all(Array.from({ length: selection.jobs }, work));

report.finish();
if (interruption.signal.aborted) process.exitCode = 130;
else if (report.failed > 0) process.exitCode = 1;

function select(): ReturnType<typeof selectTests> {
  try {
    return selectTests(process.argv.slice(2), root);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(64);
  }
}

async function work(): Promise<void> {
  for (let group = waiting.shift(); group && !interruption.signal.aborted; group = waiting.shift()) {
    await runTimed(group);
  }
}

async function runTimed(group: TestGroup): Promise<void> {
  const start = performance.now();
  let passed = 0;
  await runGroup(group, {
    root,
    env,
    name: selection.name,
    signal: interruption.signal,
    report: (outcome) => {
      if (outcome.verdict === 'passed') passed++;
      report.add(outcome);
    },
    print: (text) => report.output(text),
  });
  const seconds = ((performance.now() - start) / 1_000).toFixed(1);
  process.stdout.write(`${group.title.padEnd(60)} ${String(passed).padStart(5)} passed ${seconds.padStart(7)} s\n`);
}

/** Tests find `bao` on PATH; those that need it say so and skip when it is nowhere to be had. */
async function provideTools(): Promise<void> {
  const tool = await openBaoTool();
  if ('path' in tool) env['PATH'] = `${dirname(tool.path)}${delimiter}${env['PATH']}`;
  else process.stderr.write(`${tool.missing}\n`);
}
