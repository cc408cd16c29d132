import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { ExecFileSyncOptionsWithStringEncoding } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { renderEnv } from '../../../src/targets/file/env-file.ts';

/** Input from nowhere: with a socket there, bash takes itself for a remote login and reads start files. */
function run(shell: string, folder: string, script: string): string {
  const options: ExecFileSyncOptionsWithStringEncoding = {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
  };
  return execFileSync(shell, ['-c', script], options);
}

function shells(): string[] {
  return ['sh', 'bash'].filter((shell) => {
    try {
      run(shell, '/', ':');
      return true;
    } catch {
      return false;
    }
  });
}

/** Any text that a variable can hold: no NUL, no half of a surrogate pair. */
const value = fc
  .oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'"\\$`\n\r\t !\'#&;|<>(){}*?~=%é漢') }))
  .map((text) => text.replaceAll('\0', '').toWellFormed());

for (const shell of shells()) {
  test(`${shell} reads every value back as it was`, (t) => {
    const folder = mkdtempSync('/tmp/kwt-env-');
    t.after(() => rmSync(folder, { recursive: true }));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), (values) => {
        const names = values.map((_, index) => `KEY_${index}`);
        writeFileSync(
          join(folder, 'env'),
          renderEnv(new Map(names.map((name, index) => [name, values[index] ?? ''])), 'given').text,
        );
        const print = names.map((name) => `printf '%s\\0' "$${name}"`).join('; ');
        const read = run(shell, folder, `. ./env; ${print}`);
        assert.deepEqual(read.split('\0').slice(0, -1), values);
      }),
      { numRuns: 150 },
    );
  });

  test(`nothing in a value is run by ${shell}`, (t) => {
    const folder = mkdtempSync('/tmp/kwt-env-');
    t.after(() => rmSync(folder, { recursive: true }));
    const attack = `"; touch hacked; $(touch hacked) \`touch hacked\` \${IFS} \\"; touch hacked; #`;
    writeFileSync(join(folder, 'env'), renderEnv(new Map([['key', attack]]), 'capitals').text);
    const read = run(shell, folder, '. ./env; ls; printf %s "$KEY"');
    assert.equal(read, `env\n${attack}`);
  });
}
