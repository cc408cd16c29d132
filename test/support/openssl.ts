import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why the `openssl` command cannot be used here, for `test(name, { skip: opensslMissing }, …)`; false when it can. */
export const opensslMissing: string | false = canRun() ? false : 'openssl 3 is not on PATH';

/** What a command printed, and whether it succeeded. */
export interface OpensslAnswer {
  readonly ok: boolean;
  readonly output: string;
}

/** Runs `openssl` with files: each `{ name: content }` is written into a fresh folder, in which it runs. */
export async function openssl(
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<OpensslAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'kw-openssl-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), content, { mode: 0o600 });
    }
    return await new Promise((resolve) => {
      execFile('openssl', args, { cwd: folder }, (error, stdout, stderr) => {
        resolve({ ok: error === null, output: stdout + stderr });
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function canRun(): boolean {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' }).startsWith('OpenSSL 3');
  } catch {
    return false;
  }
}
