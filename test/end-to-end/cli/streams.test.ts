import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { entry, keywright } from '../../support/keywright.ts';

/** Writes until nothing more fits; answers the bytes. */
function fill(pipe: number): number {
  for (let bytes = 0; ;) {
    try {
      bytes += writeSync(pipe, '.'.repeat(4096));
    } catch {
      return bytes;
    }
  }
}

/** Whether a process has asked the kernel to be told when its standard output takes something again. */
function waitsForStandardOutput(pid: number): boolean {
  try {
    const folder = `/proc/${pid}/fdinfo`;
    return readdirSync(folder).some((fd) => /^tfd:\s+1 /m.test(readFileSync(join(folder, fd), 'utf8')));
  } catch {
    return false;
  }
}

describe('standard output', () => {
  it('arrives whole at a reader that is slower than a pipe is wide', { timeout: 60_000 }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'kw-cli-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    const before = fill(writer);
    // Its standard output refuses what does not fit, and cannot be handed down so: Node makes it blocking.
    const refusing = `import fs from 'node:fs'; fs.closeSync(1);
      fs.openSync('${pipe}', fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);`;
    const child = spawn(process.execPath, ['--import', `data:text/javascript,${refusing}`, entry, 'schema'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    while (!t.signal.aborted && child.exitCode === null && !waitsForStandardOutput(child.pid ?? 0)) {
      await setImmediate();
    }
    closeSync(writer);
    const chunks: Buffer[] = [];
    const socket = new Socket({ fd: reader, readable: true, writable: false });
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'end');
    if (child.exitCode === null) {
      await once(child, 'exit');
    }
    assert.equal(child.exitCode, 0);
    const { stdout } = await keywright(['schema']);
    assert.ok(stdout.length > 2 * 65_536);
    assert.equal(Buffer.concat(chunks).subarray(before).toString('utf8'), stdout);
  });

  it('whose reader went away ends the command in silence', async () => {
    const child = spawn('sh', ['-c', '"$0" "$1" schema | head -c 10; exit 0', process.execPath, entry], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let told = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (told += chunk));
    child.stdout.resume();
    await once(child, 'close');
    assert.equal(told, '');
  });
});
