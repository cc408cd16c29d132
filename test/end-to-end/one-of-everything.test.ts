import assert from 'node:assert/strict';
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { notHeld, TestFleet } from '../support/fleet.ts';
import { postgresMissing } from '../support/postgres.ts';

const written = fileURLToPath(new URL('fleets/one-of-everything.yaml', import.meta.url));

it(
  'accesses of every class, two flows between two servers, other schemas: made, proven, and moved without a new value',
  { skip: postgresMissing },
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'kw-everything-'));
    const fleet = new TestFleet(folder);
    t.after(async () => {
      await fleet.run('down', '--purge', '--yes');
      await rm(folder, { recursive: true, force: true });
    });
    const text = await readFile(written, 'utf8');
    await writeFile(join(folder, 'fleet.yaml'), text);
    await fleet.must('apply');
    assert.deepEqual(notHeld(await fleet.verify()), []);
    assert.match(await fleet.must('plan'), /unchanged/);

    // Rows of a table outside of public cross too, and of each flow.
    await fleet.sql('db-a', 'shop', "INSERT INTO archive.old VALUES (1, 'x'); INSERT INTO fresh VALUES (1, 'y')");
    const arrived = async (): Promise<unknown> =>
      (
        await fleet.sql('db-b', 'shop', 'SELECT (SELECT count(*) FROM archive.old) + (SELECT count(*) FROM fresh) AS n')
      )[0]?.n;
    for (const end = Date.now() + 20_000; String(await arrived()) !== '2' && Date.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(String(await arrived()), '2');

    const key = (): Promise<string> => readFile(join(fleet.delivered('here', 'web', 'app'), '..data', 'key'), 'utf8');
    const before = await key();
    const moved = text.replace('  path: apps\n', '  path: services\n').replaceAll('path: apps/', 'path: services/');
    assert.notEqual(moved, text);
    await writeFile(join(folder, 'fleet.yaml'), moved);
    const plan = await fleet.run('plan');
    assert.match(plan.stdout, /moves from apps\/web/, plan.stderr);
    await fleet.must('apply', '--allow-removals', '5');
    assert.equal(await key(), before);
    assert.deepEqual(notHeld(await fleet.verify()), []);
  },
);
