import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copyOfExample } from '../../support/fleet.ts';
import type { TestFleet } from '../../support/fleet.ts';
import { keywright } from '../../support/keywright.ts';

const documents = `apiVersion: keywright.dev/v1alpha1
kind: SecretTree
metadata: { name: apps }
spec:
  entries:
  - path: apps/payment
    keys:
      token: { import: { env: KW_TEST_CANARY } }
      url: { value: "redis://user:{token}@cache:6379" }
---
apiVersion: keywright.dev/v1alpha1
kind: Consumer
metadata: { name: payment }
spec:
  directory: { name: payment }
  secrets:
  - { name: app, from: { app: { path: apps/payment } } }
`;

/** All files below a folder, links not followed. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function holders(fleet: TestFleet, canary: string): Promise<string[]> {
  const { folder } = await fleet.server('shop');
  const files = [...(await filesBelow(fleet.folder)), ...(await filesBelow(folder))];
  const found: string[] = [];
  for (const file of new Set(files)) {
    if ((await readFile(file)).includes(canary)) {
      found.push(file);
    }
  }
  return found;
}

describe('a secret value', () => {
  it('is in no output, no record and no child, only in the store and in delivered files of mode 0600', async (t) => {
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const fleet = await copyOfExample(t, 'quickstart');
    await writeFile(join(fleet.folder, 'apps.yaml'), documents);
    const outputs: string[] = [];
    const run = async (...args: string[]): Promise<void> => {
      const { stdout, stderr } = await keywright(args, { cwd: fleet.folder, env: { KW_TEST_CANARY: canary } });
      outputs.push(stdout, stderr);
    };
    await run('check', '--output', 'json');
    await run('plan', '--out', 'fleet.plan', '--debug');
    await run('apply', '--verbose', '--debug');
    await run('plan', '--output', 'json');
    await run('verify', '--output', 'json');
    await run('status', '--output', 'json');
    await run('secret', 'list');
    await run('secret', 'get', 'apps/payment', '--output', 'json');
    await run('secret', 'get', 'apps/payment', '--key', 'token', '--show');
    await run('apply', '--output', 'json');
    assert.ok(outputs.join('').length > 1000);
    assert.ok(!outputs.join('').includes(canary));

    const found = await holders(fleet, canary);
    const delivered = fleet.delivered('here', 'payment', 'app');
    assert.ok(found.length >= 2, found.join());
    assert.deepEqual(
      found.filter((file) => !file.startsWith(`${delivered}/..`)),
      [],
    );
    for (const file of found) {
      assert.equal((await lstat(file)).mode & 0o777, 0o600, file);
    }
    const { dataDirectory } = await fleet.server('shop');
    const pid = (await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8')).split('\n')[0];
    assert.ok(!(await readFile(`/proc/${pid}/environ`)).includes(canary));
  });
});
