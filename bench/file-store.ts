/**
 * One read and one write in a file store of 10,000 secrets, as whole processes, beside `node -e 0`:
 * `node bench/file-store.ts [RUNS]`. Prints medians and the ratio to `node -e 0`, one JSON object.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Secret } from '../src/model/secret.ts';
import type { EntryWrite } from '../src/stores/backend.ts';
import type { FileStore } from '../src/stores/file/file-store.ts';
import { openFileStore } from '../src/stores/file/open.ts';

const secrets = 10_000;
const self = fileURLToPath(import.meta.url);
const [command = '15', root = ''] = process.argv.slice(2);

if (command === 'read') {
  const answer = await (await open(root)).read(pathOf(4_321));
  process.exitCode = answer.state === 'present' ? 0 : 1;
} else if (command === 'write') {
  await (await open(root)).write(entry(4_321, 'new'));
} else if (command === 'list') {
  process.exitCode = (await (await open(root)).list('')).length === secrets ? 0 : 1;
} else {
  await measure(Number(command));
}

async function measure(runs: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'keywright-bench-'));
  try {
    const store = await open(folder);
    const begun = performance.now();
    await store.writeMany(Array.from({ length: secrets }, (_, at) => entry(at, `value ${at}`)));
    const filled = performance.now() - begun;
    // As the program starts: with the compile cache.
    const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compile-cache') };
    const variants = {
      node: ['-e', '0'],
      read: [self, 'read', folder],
      write: [self, 'write', folder],
      list: [self, 'list', folder],
    };
    const times = new Map<string, number[]>();
    // In turn, so that whatever else the machine does meets all of them alike.
    for (let run = 0; run < runs; run++) {
      for (const [name, parameters] of Object.entries(variants)) {
        times.set(name, [...(times.get(name) ?? []), wallTime(parameters, env)]);
      }
    }
    const medians = Object.fromEntries([...times].map(([name, all]) => [name, median(all)]));
    const base = medians['node'] ?? Number.NaN;
    const ratios = Object.fromEntries(Object.entries(medians).map(([name, time]) => [name, round(time / base)]));
    const milliseconds = Object.fromEntries(Object.entries(medians).map(([name, time]) => [name, round(time)]));
    const readMoreThanNode = round((medians['read'] ?? Number.NaN) - base);
    console.log(
      JSON.stringify({ secrets, runs, filled: round(filled), milliseconds, ratios, readMoreThanNode }, null, 2),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function wallTime(parameters: readonly string[], env: NodeJS.ProcessEnv): number {
  const begun = performance.now();
  const { status } = spawnSync(process.execPath, parameters, { stdio: 'inherit', env });
  if (status !== 0) {
    throw new Error(`node ${parameters.join(' ')} ended with ${status}`);
  }
  return performance.now() - begun;
}

async function open(folder: string): Promise<FileStore> {
  const answer = await openFileStore({
    folder: join(folder, 'box'),
    identityFile: join(folder, 'key.txt'),
    name: 'bench',
    mayCreate: true,
    environment: { now: () => new Date(), randomBytes: (length) => randomBytes(length) },
  });
  if (answer.state !== 'present') {
    throw new Error(`the store is ${answer.state}`);
  }
  return answer.seen;
}

function pathOf(at: number): string {
  return `apps/team-${at % 100}/service-${at}/password`;
}

function entry(at: number, value: string): EntryWrite {
  return { path: pathOf(at), data: new Map([['password', new Secret(value)]]) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
