import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FleetApplyResult } from '../../../src/engine/fleet-apply.ts';
import type { SecretBackend } from '../../../src/stores/backend.ts';
import { openFileStore } from '../../../src/stores/file/open.ts';
import { testEnvironment, testFolder } from '../../support/engine-run.ts';
import { applySecrets } from '../../support/moving-child.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';

const child = fileURLToPath(new URL('../../support/moving-child.ts', import.meta.url));

const store = (name: string): string =>
  `kind: Store\nmetadata: { name: ${name} }\nspec: { file: { path: ${name}, identityFile: .keywright/${name}.txt } }`;

const start = ['kind: Fleet\nmetadata: { name: f }\nspec: { home: box, defaults: { store: box } }', store('box')];

const keys = 'key: { generate: { hex: 16 } }, url: { value: "https://:{key}@x" }';

function tree(entries: string, spec = 'path: apps'): string {
  return `kind: SecretTree\nmetadata: { name: apps }\nspec: { ${spec}, entries: [${entries}] }`;
}

const web = `{ path: web, keys: { ${keys} } }`;

async function open(folder: string, name = 'box'): Promise<SecretBackend> {
  const answer = await openFileStore({
    name,
    folder: join(folder, name),
    identityFile: join(folder, '.keywright', `${name}.txt`),
    mayCreate: false,
    environment: testEnvironment,
  });
  assert.equal(answer.state, 'present');
  return (answer as { seen: SecretBackend }).seen;
}

async function read(folder: string, path: string, name = 'box'): Promise<Record<string, string>> {
  const opened = await open(folder, name);
  try {
    return await valuesOf(opened, path);
  } finally {
    await opened.close();
  }
}

async function pathsIn(folder: string, name = 'box'): Promise<string[]> {
  const opened = await open(folder, name);
  const entries = await opened.list('');
  await opened.close();
  return entries.map(({ path }) => path).filter((path) => !path.startsWith('keywright/'));
}

function told({ plan, result }: FleetApplyResult): string[] {
  assert.deepEqual(
    result?.failed.map(({ error }) => error.message),
    result === undefined ? undefined : [],
  );
  return plan.plan.changes.map(({ id, change }) => `${change.action} ${id}: ${change.reason ?? ''}`);
}

/** One apply after a move changes nothing more. */
async function settled(folder: string, documents: readonly string[]): Promise<void> {
  assert.deepEqual(told(await applySecrets(folder, documents)), []);
}

test('an entry whose path changes keeps its value, and the plan says where it comes from', async (t) => {
  const folder = await testFolder(t);
  await applySecrets(folder, [...start, tree(web)]);
  const before = await read(folder, 'apps/web');
  const moved = [...start, tree(web, 'path: services/prod')];
  const applied = await applySecrets(folder, moved);
  assert.deepEqual(told(applied), [
    'create store/box/secret/services%2Fprod%2Fweb: moves from apps/web',
    'retain store/box/secret/apps%2Fweb: moves to store/box/secret/services%2Fprod%2Fweb',
  ]);
  assert.deepEqual(applied.plan.plan.changes[0]?.change.fields, [
    { field: 'key', note: 'keeps its value' },
    { field: 'url', note: 'put together' },
  ]);
  assert.ok(!JSON.stringify(applied.plan.plan.changes).includes(before.key as string));
  assert.deepEqual(await read(folder, 'services/prod/web'), before);
  await settled(folder, moved);
});

test('what is derived is worked out for the new place, what was put beside it goes along, foreign metadata too', async (t) => {
  const folder = await testFolder(t);
  await applySecrets(folder, [...start, tree(web)]);
  const box = await open(folder);
  await putByHand(box, 'apps/web', { extra: 'by hand' });
  const [info] = await box.list('apps/web');
  await box.writeMetadata('apps/web', { ...info?.metadata, team: 'blue' });
  await box.close();
  const { key } = await read(folder, 'apps/web');
  const other = `{ path: web, keys: { key: { generate: { hex: 16 } }, url: { value: "other:{key}" }, more: { generate: { hex: 8 } } } }`;
  await applySecrets(folder, [...start, tree(other, 'path: services')]);
  const after = await read(folder, 'services/web');
  assert.deepEqual({ ...after, more: undefined }, { key, url: `other:${key}`, extra: 'by hand', more: undefined });
  assert.match(after.more ?? '', /^[0-9a-f]{16}$/);
  const again = await open(folder);
  assert.equal((await again.list('services/web'))[0]?.metadata.team, 'blue');
  await again.close();
});

test('an entry that is renamed is known by its keys; where two may be meant, nothing is moved or made', async (t) => {
  const folder = await testFolder(t);
  const two = [...start, tree(`${web}, { path: jobs, keys: { token: { generate: { hex: 16 } } } }`)];
  await applySecrets(folder, two);
  const before = await read(folder, 'apps/web');
  const renamed = [
    ...start,
    tree(`{ path: site, keys: { ${keys} } }, { path: jobs, keys: { token: { generate: { hex: 16 } } } }`),
  ];
  await applySecrets(folder, renamed);
  assert.deepEqual(await read(folder, 'apps/site'), before);
  await settled(folder, renamed);

  const unclear = [...start, tree(`{ path: one, keys: { ${keys} } }, { path: two, keys: { ${keys} } }`)];
  const { plan, result } = await applySecrets(folder, unclear);
  const refused = plan.plan.changes.filter(({ change }) => change.action === 'refused');
  assert.deepEqual(
    refused.map(({ change }) => change.refusal?.code),
    ['move-unclear', 'move-unclear'],
  );
  assert.equal(result?.failed.length, 2);
  assert.deepEqual(await read(folder, 'apps/site'), before);
  assert.ok(!(await pathsIn(folder)).includes('apps/one'));
});

test('an entry moves to another store that is only made now, also when its old store leaves the fleet', async (t) => {
  const folder = await testFolder(t);
  const old = [...start, store('old'), tree(web, 'store: old')];
  await applySecrets(folder, old);
  const before = await read(folder, 'web', 'old');
  const moved = [...start, store('fresh'), tree(web, 'store: fresh, path: here')];
  told(await applySecrets(folder, moved));
  assert.deepEqual(await read(folder, 'here/web', 'fresh'), before);
  assert.deepEqual(await read(folder, 'web', 'old'), before);
  await settled(folder, moved);
});

test('with reclaimPolicy delete the old one goes, after the new one has the value', async (t) => {
  const folder = await testFolder(t);
  const policy = 'reclaimPolicy: delete, path: ';
  await applySecrets(folder, [...start, tree(web, `${policy}apps`)]);
  const before = await read(folder, 'apps/web');
  const moved = [...start, tree(web, `${policy}services`)];
  const { plan } = await applySecrets(folder, moved);
  const [create, remove] = plan.plan.changes;
  assert.equal(remove?.change.action, 'remove');
  assert.deepEqual(remove?.after, [create?.id]);
  assert.deepEqual(await read(folder, 'services/web'), before);
  assert.deepEqual(await pathsIn(folder), ['services/web']);
});

test('an imported value moves along, though it can be imported no more', async (t) => {
  const folder = await testFolder(t);
  const imported = '{ path: web, keys: { stripe: { import: { env: STRIPE } } } }';
  await applySecrets(folder, [...start, tree(imported)], undefined, (name) => (name === 'STRIPE' ? 'sk_1' : undefined));
  const moved = [...start, tree(imported, 'path: services')];
  told(await applySecrets(folder, moved));
  assert.deepEqual(await read(folder, 'services/web'), { stripe: 'sk_1' });
  await settled(folder, moved);
});

test('an entry that moves back takes its newest value along, not the one that was left there', async (t) => {
  const folder = await testFolder(t);
  const here = [...start, tree(web)];
  const there = [...start, tree(web, 'path: services')];
  await applySecrets(folder, here);
  await applySecrets(folder, there);
  const box = await open(folder);
  await putByHand(box, 'services/web', { key: 'newest' });
  await box.close();
  await applySecrets(folder, there);
  assert.match(told(await applySecrets(folder, here))[0] ?? '', /^adopt .*: moves from services\/web$/);
  assert.deepEqual(await read(folder, 'apps/web'), { key: 'newest', url: 'https://:newest@x' });
  await settled(folder, here);
});

test('a value that cannot be read where it was is not made anew: both stay as they are', async (t) => {
  const folder = await testFolder(t);
  await applySecrets(folder, [...start, store('old'), tree(web, 'store: old')]);
  const { rename } = await import('node:fs/promises');
  await rename(join(folder, '.keywright/old.txt'), join(folder, '.keywright/hidden.txt'));
  const moved = [...start, store('old'), tree(web, 'path: here')];
  await assert.rejects(applySecrets(folder, moved));
  assert.deepEqual(await pathsIn(folder), []);
  await rename(join(folder, '.keywright/hidden.txt'), join(folder, '.keywright/old.txt'));
  told(await applySecrets(folder, moved));
  assert.deepEqual(await read(folder, 'here/web'), await read(folder, 'web', 'old'));
});

for (const moment of ['copied', 'removing']) {
  for (const target of ['box', 'fresh']) {
    test(`a move into ${target} that is killed when ${moment} is finished by the next apply, with the same value`, async (t) => {
      const folder = await testFolder(t);
      const policy = 'reclaimPolicy: delete, path: ';
      await applySecrets(folder, [...start, store('fresh'), tree(web, `${policy}apps`)]);
      const before = await read(folder, 'apps/web');
      const moved = [...start, store('fresh'), tree(web, `store: ${target}, ${policy}services`)];
      const documents = join(folder, 'documents.json');
      await writeFile(documents, JSON.stringify(moved));
      const running = spawn(process.execPath, [child, folder, documents, moment], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [, signal] = (await once(running, 'exit')) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL');
      assert.deepEqual(await read(folder, 'apps/web'), before);
      assert.deepEqual(await read(folder, 'services/web', target), before);

      told(await applySecrets(folder, moved));
      assert.deepEqual(await read(folder, 'services/web', target), before);
      assert.ok(!(await pathsIn(folder)).includes('apps/web'));
      await settled(folder, moved);
    });
  }
}
