import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { keywright } from '../../support/keywright.ts';

const cwd = fileURLToPath(new URL('../../../examples/two-sites/', import.meta.url));

describe('keywright access', () => {
  it('who names everybody who gets a value, and the chain, in 80 columns', async () => {
    const { code, stdout } = await keywright(['access', 'who', 'box/apps/production/orders/api-key'], { cwd });
    assert.equal(
      stdout,
      `read   site site-a, consumer orders
         api-key
         Consumer/orders → secret app in consumers/orders/app
write  keywright, and whoever can read .keywright/key.txt
         api-key
`,
    );
    assert.equal(code, 0);
  });

  it('what names what an identity holds and where it logs in, for a program too', async () => {
    const { stdout } = await keywright(['access', 'what', 'orders'], { cwd });
    assert.match(stdout, /^ {9}logs in as orders-app to orders on orders-a \(readWrite\)$/m);
    assert.deepEqual(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
    );
    const json = JSON.parse((await keywright(['access', 'what', 'orders', '--output', 'json'], { cwd })).stdout);
    assert.deepEqual([json.kind, json.identity, json.entries.length], ['consumer', 'orders', 3]);
  });

  it('says what is wrong with a question', async () => {
    const slip = await keywright(['access', 'what', 'order'], { cwd });
    assert.deepEqual([slip.code, slip.stderr.includes('did you mean orders')], [1, true]);
    const unknown = await keywright(['access', 'why', 'orders'], { cwd });
    assert.equal(unknown.code, 64);
    const folder = await keywright(['access', 'who', 'box/apps'], { cwd });
    assert.match(folder.stderr, /the fleet has no entry box\/apps\n.*below it are box\/apps\/dev\/orders/);
  });
});
