import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';

const repository = join(import.meta.dirname, '../../..');
/** npm and `node` as on a machine whose Node is this one. */
const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [dirname(process.execPath), ...outsidePath()].join(delimiter),
};

function outsidePath(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
}

/** A clone with the real start scripts and, in place of Keywright, the given program. */
function cloneWith(t: TestContext, program: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'keywright-run-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: object };
  const manifest = { name: 'keywright', version: '0.1.0', type: 'module', scripts };
  const lock = { name: 'keywright', version: '0.1.0', lockfileVersion: 3, requires: true, packages: { '': manifest } };
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'scripts'));
  cpSync(join(repository, 'scripts/run.mjs'), join(folder, 'scripts/run.mjs'));
  cpSync(join(repository, 'bin/keywright'), join(folder, 'bin/keywright'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  writeFileSync(join(folder, 'bin/entry.js'), program);
  return folder;
}

function npm(folder: string, args: readonly string[]) {
  return spawnSync('npm', ['--silent', ...args], { cwd: folder, env, encoding: 'utf8' });
}

/** Starts `npm run up` and resolves once the program has said that it is ready. */
async function startUp(folder: string): Promise<{ npm: ChildProcess; printed: () => string; ended: Promise<unknown> }> {
  const child = spawn('npm', ['--silent', 'run', 'up'], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve(signal ?? code)));
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('ready')) resolve();
    });
    child.on('close', () => reject(new Error(`ended before it was ready: ${output}`)));
  });
  return { npm: child, printed: () => output, ended };
}

const signalCounter = `
  for (const signal of ['SIGINT', 'SIGTERM']) {
    let count = 0;
    process.on(signal, () => {
      console.log(signal, ++count);
      setTimeout(() => process.exit(42), 600);
    });
  }
  setInterval(() => {}, 1000);
  console.log('ready');
`;

describe('npm run', () => {
  test('installs on first use, is quick afterwards, and leaves the lock file as it is', (t) => {
    const folder = cloneWith(t, 'console.log(JSON.stringify(process.argv.slice(2)))');
    const lock = readFileSync(join(folder, 'package-lock.json'));
    const first = npm(folder, ['run', 'up', '--', '--once']);
    assert.match(first.stderr, /Installing the packages/);
    assert.deepEqual(JSON.parse(first.stdout), ['up', join(folder, 'examples/two-sites'), '--once']);
    assert.equal(npm(folder, ['run', 'up']).stderr, '');
    assert.deepEqual(readFileSync(join(folder, 'package-lock.json')), lock);
  });

  test('installs again when the lock file has changed', (t) => {
    const folder = cloneWith(t, '');
    npm(folder, ['run', 'up']);
    writeFileSync(join(folder, 'package-lock.json'), `${readFileSync(join(folder, 'package-lock.json'), 'utf8')}\n`);
    assert.match(npm(folder, ['run', 'up']).stderr, /Installing the packages/);
  });

  test('starts nothing when the install fails, and says what npm said', (t) => {
    const folder = cloneWith(t, 'console.log("started")');
    writeFileSync(join(folder, 'package-lock.json'), 'no JSON');
    const { status, stdout, stderr } = npm(folder, ['run', 'up']);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /npm error/);
    assert.match(stderr, /error: npm ci did not finish \(1\); nothing was started\.\n$/);
  });

  test('twice at once on a fresh clone: one installs, the other waits', async (t) => {
    const folder = cloneWith(t, '');
    const run = () =>
      new Promise<string>((resolve) => {
        const child = spawn('npm', ['--silent', 'run', 'up'], {
          cwd: folder,
          env,
          stdio: ['ignore', 'inherit', 'pipe'],
        });
        let errors = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
        child.on('close', (code) => resolve(`${errors}code ${code}`));
      });
    const outputs = (await Promise.all([run(), run()])).join('\n');
    assert.equal(outputs.match(/Installing the packages/g)?.length, 1, outputs);
    assert.equal(outputs.match(/code 0/g)?.length, 2, outputs);
  });

  test("passes the program's exit code on", (t) => {
    assert.equal(npm(cloneWith(t, 'process.exit(3)'), ['run', 'up']).status, 3);
  });

  test('a signal to the whole group, as Ctrl+C sends it, reaches the program once', async (t) => {
    const up = await startUp(cloneWith(t, signalCounter));
    process.kill(-(up.npm.pid ?? 0), 'SIGINT');
    assert.equal(await up.ended, 42);
    assert.equal(up.printed(), 'ready\nSIGINT 1\n');
  });

  test('a second Ctrl+C reaches the program too', async (t) => {
    const up = await startUp(cloneWith(t, signalCounter));
    process.kill(-(up.npm.pid ?? 0), 'SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 450));
    process.kill(-(up.npm.pid ?? 0), 'SIGINT');
    assert.equal(await up.ended, 42);
    assert.equal(up.printed(), 'ready\nSIGINT 1\nSIGINT 2\n');
  });

  test('a signal to npm alone reaches the program once', async (t) => {
    const up = await startUp(cloneWith(t, signalCounter));
    up.npm.kill('SIGTERM');
    assert.equal(await up.ended, 42);
    assert.equal(up.printed(), 'ready\nSIGTERM 1\n');
  });

  test('a program that a signal ended is seen to have ended of it', async (t) => {
    const folder = cloneWith(t, 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)');
    const { status, signal } = npm(folder, ['run', 'up']);
    assert.ok(signal === 'SIGTERM' || status === 143, `${status} ${signal}`);
  });
});

describe('bin/keywright', () => {
  test('installs first in a fresh clone, and keeps the folder it was called in', (t) => {
    const folder = cloneWith(t, 'console.log(process.cwd(), process.argv.slice(2).join())');
    const start = () => spawnSync(join(folder, 'bin/keywright'), ['check', 'a b'], { cwd: '/', env, encoding: 'utf8' });
    const first = start();
    assert.equal(first.stdout, '/ check,a b\n');
    assert.match(first.stderr, /Installing the packages/);
    assert.equal(start().stderr, '');
  });

  test('runs on the Node that the clone carries, through links to it', (t) => {
    const folder = cloneWith(t, '');
    npm(folder, ['run', 'up']);
    const carried = join(folder, `node_modules/node-linux-${process.arch}/bin/node`);
    mkdirSync(dirname(carried), { recursive: true });
    writeFileSync(carried, '#!/bin/sh\necho carried "$*"\n');
    chmodSync(carried, 0o755);
    spawnSync('ln', ['-s', '../bin/keywright', join(folder, 'scripts/one')]);
    spawnSync('ln', ['-s', join(folder, 'scripts/one'), join(folder, 'two')]);
    const { stdout } = spawnSync(join(folder, 'two'), { cwd: folder, env, encoding: 'utf8' });
    assert.match(stdout, /^carried .*\/bin\/entry\.js\n$/);
  });

  test('says what it needs where no Node is', (t) => {
    const folder = cloneWith(t, '');
    const nothing = join(folder, 'path');
    mkdirSync(nothing);
    spawnSync('ln', ['-s', '/usr/bin/uname', nothing]);
    const { status, stderr } = spawnSync('/bin/sh', [join(folder, 'bin/keywright'), 'check'], {
      env: { PATH: nothing },
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /^Keywright needs Node\.js[^\n]*\n$/);
  });
});
