import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { directoryKind } from '../../../src/targets/file/directory.ts';
import { directory, siteBench } from '../../support/site-bench.ts';

const needsRoot = process.getuid?.() !== 0 && 'needs root';

/** What an account that owns the delivered folder can do to lead root elsewhere: links in place of everything it owns. */
const attack = `
cd "$1" || exit 1
while :; do
  for name in ..2* ..data key env; do
    mv "$name" "away.$name" 2>/dev/null && ln -s "$2" "$name" 2>/dev/null
    ln -sf "$2/file" "$name" 2>/dev/null
    rm -f "$name" 2>/dev/null
    mv "away.$name" "$name" 2>/dev/null
  done
  ln -sf "$2" "extra" 2>/dev/null
  rm -rf away.* 2>/dev/null
done`;

test(
  'an account that puts links into its folder while root delivers leads it nowhere',
  { skip: needsRoot },
  async (t) => {
    const all = await siteBench(t);
    const victim = join(all.bench.folder, 'victim');
    await mkdir(victim);
    await writeFile(join(victim, 'file'), 'precious');
    await writeFile(join(victim, 'key'), 'precious');
    await chmod(join(victim, 'file'), 0o644);
    await chmod(join(victim, 'key'), 0o644);
    const nobody = Number(execFileSync('id', ['-u', 'nobody']));
    const deliver = async (value: string): Promise<void> => {
      const version = await all.put('a', { key: value });
      const app = directory('app', { user: 'nobody', sources: { a: { store: 'box', path: 'a', version } } });
      // A delivery may fail while somebody takes the folder apart; it may not go astray.
      await all.bench.apply(directoryKind, all.site, [app]).catch(() => undefined);
    };
    await deliver('first');
    const folder = join(all.site.directory, 'consumers/orders/app');
    const attacker = spawn('sh', ['-c', attack, 'sh', folder, victim], { uid: nobody, gid: nobody, stdio: 'ignore' });
    for (let round = 0; round < 120; round++) {
      await deliver(`round ${round}`);
    }
    assert.equal(attacker.exitCode, null, 'the attacker gave up');
    attacker.kill('SIGKILL');
    await once(attacker, 'exit');
    assert.deepEqual((await readdir(victim)).sort(), ['file', 'key']);
    for (const name of ['file', 'key']) {
      const { uid, mode } = await stat(join(victim, name));
      assert.equal(await readFile(join(victim, name), 'utf8'), 'precious');
      assert.equal(`${uid} ${(mode & 0o7777).toString(8)}`, '0 644');
    }
    assert.equal((await stat(victim)).uid, 0);

    execFileSync('sh', ['-c', `rm -rf '${folder}'`]);
    await deliver('last');
    assert.equal(await readFile(join(folder, 'key'), 'utf8'), 'last');
  },
);
