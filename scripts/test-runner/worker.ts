// Runs test files in this process and sends what became of them to the runner that started it.
import { writeSync } from 'node:fs';
import { run } from 'node:test';
import { EventTranslator } from './outcome.ts';
import type { TestEvent, WorkerMessage } from './outcome.ts';

const settings = JSON.parse(process.argv[2] ?? '{}') as { files: string[]; name?: string; quietSeconds: number };

function send(message: WorkerMessage): void {
  process.send?.(message);
}

const translator = new EventTranslator();
const stream = run({
  files: settings.files,
  isolation: 'none',
  ...(settings.name === undefined ? {} : { testNamePatterns: [settings.name] }),
});
let quiet: NodeJS.Timeout | undefined;
let ended = false;

stream.on('data', (event: unknown) => {
  const message = translator.translate(event as TestEvent);
  if (message) send(message);
  clearTimeout(quiet);
  // node:test reports its end when nothing keeps the process any more. When all tests have ended and something still
  // keeps it for long, that is a defect of a test: it is told, not waited for.
  if (translator.allEnded) quiet = setTimeout(tellHanging, settings.quietSeconds * 1_000).unref();
});
stream.on('end', () => {
  ended = true;
  clearTimeout(quiet);
  send({ type: 'end' });
});

function tellHanging(): void {
  ended = true;
  // The pipes are the worker's own.
  send({ type: 'hanging', resources: process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap') });
  setTimeout(() => process.exit(1), 100);
}

// Its stack names the test that called process.exit; synchronous, because nothing else is written any more.
process.on('exit', () => {
  if (!ended) writeSync(2, `${new Error('the process exits before its tests have ended').stack}\n`);
});
