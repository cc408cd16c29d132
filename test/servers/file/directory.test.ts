import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Resource } from '../../../src/model/resource.ts';
import { directoryKind } from '../../../src/targets/file/directory.ts';
import type { DirectorySpec } from '../../../src/targets/file/directory.spec.ts';
import { directory, siteBench } from '../../support/site-bench.ts';
import type { SiteBench } from '../../support/site-bench.ts';

interface Delivered extends SiteBench {
  readonly app: Resource<DirectorySpec>;
  readonly folder: string;
  apply(...resources: readonly Resource<DirectorySpec>[]): Promise<string[]>;
  plan(...resources: readonly Resource<DirectorySpec>[]): ReturnType<SiteBench['bench']['plan']>;
  text(name: string): Promise<string>;
}

async function delivered(t: Parameters<typeof siteBench>[0], spec: Partial<DirectorySpec> = {}): Promise<Delivered> {
  const all = await siteBench(t);
  const version = await all.put('apps/orders', { 'api-key': 'k$1', 'jwt-secret': 'secret' });
  const app = directory('app', { sources: { app: { store: 'box', path: 'apps/orders', version } }, ...spec });
  const folder = join(all.site.directory, 'consumers/orders/app');
  const apply: Delivered['apply'] = async (...resources) =>
    (await all.bench.mustApply(directoryKind, all.site, resources)).map(({ action, reason }) =>
      `${action} ${reason ?? ''}`.trim(),
    );
  const plan: Delivered['plan'] = async (...resources) => all.bench.plan(directoryKind, all.site, resources);
  await apply(app);
  return { ...all, app, folder, apply, plan, text: (name) => readFile(join(folder, name), 'utf8') };
}

async function newVersion(all: Delivered, values: Readonly<Record<string, string>>): Promise<Resource<DirectorySpec>> {
  const version = await all.put('apps/orders', values);
  return { ...all.app, spec: { ...all.app.spec, sources: { app: { store: 'box', path: 'apps/orders', version } } } };
}

test('a folder is laid out as a Kubernetes volume, private, and a second apply changes nothing', async (t) => {
  const all = await delivered(t);
  const { folder } = all;
  assert.equal(await all.text('api-key'), 'k$1');
  assert.equal(await all.text('env'), 'API_KEY="k\\$1"\nJWT_SECRET="secret"\n');
  assert.equal(await readlink(join(folder, 'api-key')), '..data/api-key');
  const generation = await readlink(join(folder, '..data'));
  assert.match(generation, /^\.\.\d{4}(_\d\d){5}\.[0-9a-f]{8}$/);
  assert.deepEqual(
    (await readdir(folder)).sort(),
    ['..data', '..keywright', generation, 'api-key', 'env', 'jwt-secret'].sort(),
  );
  for (const name of ['.', generation]) {
    assert.equal((await lstat(join(folder, name))).mode & 0o7777, 0o700);
  }
  for (const name of [
    ...(await readdir(join(folder, generation))).map((each) => `${generation}/${each}`),
    '..keywright',
  ]) {
    assert.equal((await lstat(join(folder, name))).mode & 0o7777, 0o600);
  }
  assert.deepEqual(all.bench.records.get(all.app.id)?.outputs, { directory: folder, generation });
  assert.ok(!JSON.stringify([...all.bench.records.values()]).includes('secret"'));
  assert.deepEqual(await all.apply(all.app), []);
  assert.equal(await readlink(join(folder, '..data')), generation);
});

test('a new version comes as a new generation; the one before stays, older ones go', async (t) => {
  const all = await delivered(t);
  const generations = [await readlink(join(all.folder, '..data'))];
  for (const each of ['2', '3', '4']) {
    assert.deepEqual(await all.apply(await newVersion(all, { 'api-key': each })), [
      'update something newer is to be delivered',
    ]);
    generations.push(await readlink(join(all.folder, '..data')));
    assert.equal(await all.text('api-key'), each);
  }
  const there = (await readdir(all.folder)).filter((name) => /^\.\.\d/.test(name)).sort();
  assert.deepEqual(there, generations.slice(-2).sort());
  await assert.rejects(lstat(join(all.folder, 'jwt-secret')));
  assert.deepEqual(await readdir(dirname(all.folder)), ['app']);
});

test('a version whose delivered keys are the same brings no new generation', async (t) => {
  const all = await delivered(t);
  const keys = {
    app: { store: 'box', path: 'apps/orders', version: all.app.spec.sources.app?.version ?? '', keys: ['api-key'] },
  };
  await all.apply({ ...all.app, spec: { ...all.app.spec, sources: keys } });
  const generation = await readlink(join(all.folder, '..data'));
  const version = await all.put('apps/orders', { 'api-key': 'k$1', 'jwt-secret': 'changed' });
  const next = { ...all.app, spec: { ...all.app.spec, sources: { app: { ...keys.app, version } } } };
  assert.deepEqual(await all.apply(next), ['update is recorded anew']);
  assert.equal(await readlink(join(all.folder, '..data')), generation);
  assert.deepEqual(await all.apply(next), []);
});

const drifts: Readonly<Record<string, readonly [(folder: string) => Promise<unknown>, RegExp]>> = {
  'a changed content': [
    async (folder) => writeFile(join(folder, '..data/api-key'), 'x'),
    /api-key differs|changed by hand/,
  ],
  'a mode': [async (folder) => chmod(join(folder, '..data/api-key'), 0o644), /api-key has mode 0644, not 0600/],
  'a mode that keeps even its owner out': [async (folder) => chmod(join(folder, '..data/api-key'), 0), /mode 0000/],
  'the folder’s mode': [async (folder) => chmod(folder, 0o755), /app has mode 0755, not 0700/],
  'the generation’s mode': [
    async (folder) => chmod(join(folder, await readlink(join(folder, '..data'))), 0o777),
    /has mode 0777/,
  ],
  'a missing file': [async (folder) => rm(join(folder, '..data/api-key')), /changed by hand/],
  'a missing link': [async (folder) => rm(join(folder, 'api-key')), /api-key was replaced or is missing/],
  'a link that an editor replaced by a file': [
    async (folder) => {
      await writeFile(join(folder, 'new'), 'x');
      await rename(join(folder, 'new'), join(folder, 'api-key'));
    },
    /api-key was replaced/,
  ],
  'a link that leads elsewhere': [
    async (folder) => {
      await rm(join(folder, 'api-key'));
      await symlink('/etc/passwd', join(folder, 'api-key'));
    },
    /api-key was replaced/,
  ],
  'a file made a link inside the generation': [
    async (folder) => {
      await rm(join(folder, '..data/api-key'));
      await symlink('/etc/passwd', join(folder, '..data/api-key'));
    },
    /api-key is not a file/,
  ],
  'an extra file in the generation': [
    async (folder) => writeFile(join(folder, '..data/extra'), 'x', { mode: 0o600 }),
    /extra/,
  ],
  'an extra file in the folder': [
    async (folder) => writeFile(join(folder, 'extra'), 'x'),
    /extra does not belong there/,
  ],
  'an extra empty folder': [async (folder) => mkdir(join(folder, 'extra')), /extra does not belong there/],
  'a missing ..data': [async (folder) => rm(join(folder, '..data')), /\.\.data is missing/],
  'a ..data that leads elsewhere': [
    async (folder) => {
      await rm(join(folder, '..data'));
      await symlink('/etc', join(folder, '..data'));
    },
    /\.\.data leads to no generation/,
  ],
  'a ..data that is a folder': [
    async (folder) => {
      await rm(join(folder, '..data'));
      await mkdir(join(folder, '..data'));
    },
    /\.\.data leads to no generation/,
  ],
  'a missing generation': [
    async (folder) => rm(join(folder, await readlink(join(folder, '..data'))), { recursive: true }),
    /is missing/,
  ],
  'a missing marker': [async (folder) => rm(join(folder, '..keywright')), /marker is missing/],
  'a missing folder': [async (folder) => rm(folder, { recursive: true }), /^create/],
};

for (const [what, [damage, reason]] of Object.entries(drifts)) {
  test(`${what} is found and mended`, async (t) => {
    const all = await delivered(t);
    await damage(all.folder);
    const [change] = await all.plan(all.app);
    assert.match(`${change?.action} ${change?.reason} ${change?.fields.map(({ field }) => field).join()}`, reason);
    await all.apply(all.app);
    assert.equal(await all.text('api-key'), 'k$1');
    assert.equal(await all.text('jwt-secret'), 'secret');
    assert.equal((await lstat(join(all.folder, '..data/api-key'))).mode & 0o7777, 0o600);
    assert.deepEqual(await all.apply(all.app), []);
    const names = (await readdir(all.folder)).filter((name) => !/^\.\.\d/.test(name));
    assert.deepEqual(names.sort(), ['..data', '..keywright', 'api-key', 'env', 'jwt-secret']);
  });
}

test('files that were left open to others are closed in the generation that stays too', async (t) => {
  const all = await delivered(t);
  const before = await readlink(join(all.folder, '..data'));
  await chmod(join(all.folder, before, 'api-key'), 0o644);
  await all.apply(all.app);
  assert.notEqual(await readlink(join(all.folder, '..data')), before);
  assert.equal((await lstat(join(all.folder, before, 'api-key'))).mode & 0o7777, 0o600);
});

test('a folder with things in it that somebody made by hand is left to a person', async (t) => {
  const all = await delivered(t);
  await mkdir(join(all.folder, 'work'));
  await writeFile(join(all.folder, 'work/notes.txt'), 'mine');
  const results = await all.bench.apply(directoryKind, all.site, [all.app]);
  const applied = results.get(all.app.id)?.applied;
  assert.match(applied?.outcome === 'failed' ? applied.error.message : '', /work holds 1 things/);
  assert.equal(await all.text('work/notes.txt'), 'mine');
});

test('a lost inventory finds the folder as it is and writes nothing', async (t) => {
  const all = await delivered(t);
  const generation = await readlink(join(all.folder, '..data'));
  all.bench.records.clear();
  assert.deepEqual(
    (await all.plan(all.app)).map(({ action }) => action),
    ['none'],
  );
  assert.deepEqual(await all.apply(all.app), []);
  assert.equal(await readlink(join(all.folder, '..data')), generation);
});

test('leaving the fleet removes the folder, and the consumer’s when it was the last', async (t) => {
  const all = await delivered(t);
  const other = directory('other', { sources: all.app.spec.sources });
  await all.apply(all.app, other);
  assert.deepEqual(await all.apply(other), ['remove left the fleet']);
  assert.deepEqual(await readdir(dirname(all.folder)), ['other']);
});

test('a folder of another fleet, and one without a mark, are refused and untouched', async (t) => {
  const all = await delivered(t);
  all.bench.records.clear();
  await writeFile(join(all.folder, '..keywright'), 'keywright fleet=other id=site/site-a/directory/orders/app\n');
  const [foreign] = await all.plan(all.app);
  assert.equal(foreign?.refusal?.code, 'foreign-mark');
  await rm(join(all.folder, '..keywright'));
  const [unmarked] = await all.plan(all.app);
  assert.equal(unmarked?.refusal?.code, 'adopt-existing');
  const allowed = { ...all.app, allow: [{ rule: 'adopt-existing', reason: 'a test' }] };
  assert.deepEqual(await all.apply(allowed), ['adopt takes over the folder that is there']);
  assert.deepEqual(await all.apply(allowed), []);

  const theirs = join(dirname(all.folder), 'theirs');
  await mkdir(theirs);
  await writeFile(join(theirs, 'notes.txt'), 'mine');
  const another = { ...directory('theirs', { sources: all.app.spec.sources }), allow: allowed.allow };
  const [refused] = await all.plan(another);
  assert.equal(refused?.refusal?.code, 'folder-not-ours');
  assert.equal(await readFile(join(theirs, 'notes.txt'), 'utf8'), 'mine');
});

test('nothing is delivered through a link, wherever it is put, nor out of the site', async (t) => {
  const all = await delivered(t);
  const elsewhere = join(all.bench.folder, 'elsewhere');
  await mkdir(elsewhere);
  for (const path of [all.folder, dirname(all.folder), dirname(dirname(all.folder))]) {
    await rename(path, `${path}.kept`);
    await symlink(elsewhere, path);
    const [change] = await all.plan(all.app);
    assert.equal(change?.action, 'refused');
    assert.equal(change?.refusal?.code, 'folder-not-ours');
    assert.deepEqual(await readdir(elsewhere), []);
    await rm(path);
    await rename(`${path}.kept`, path);
  }
  for (const folder of ['../outside', 'consumers/../../x', '/etc', 'consumers//x', 'consumers/..x']) {
    const [change] = await all.plan({ ...all.app, spec: { ...all.app.spec, folder } });
    assert.equal(change?.refusal?.code, 'folder-outside-site', folder);
  }
  assert.equal(await all.text('api-key'), 'k$1');
});

test('a source that is not there fails that delivery alone and keeps the files', async (t) => {
  const all = await delivered(t);
  const missing = directory('missing', { sources: { a: { store: 'box', path: 'nowhere', version: '1' } } });
  const next = await newVersion(all, { 'api-key': 'next' });
  const results = await all.bench.apply(directoryKind, all.site, [missing, next]);
  const applied = results.get(missing.id)?.applied;
  assert.match(applied?.outcome === 'failed' ? applied.error.message : '', /entry nowhere of store box/);
  assert.equal(await all.text('api-key'), 'next');
});

test('a run that was killed between planning and here delivers the version that was planned', async (t) => {
  const all = await delivered(t);
  const planned = await newVersion(all, { 'api-key': 'planned' });
  await all.put('apps/orders', { 'api-key': 'later' });
  await all.apply(planned);
  assert.equal(await all.text('api-key'), 'planned');
});

test('onChange runs a command after the files are in place, without a secret in its surroundings', async (t) => {
  const all = await siteBench(t);
  const version = await all.put('a', { key: 'hunter2' });
  const script = `cat "$KEYWRIGHT_DIRECTORY/key" > ${all.bench.folder}/seen; tr '\\0' '\\n' < /proc/self/environ > ${all.bench.folder}/environ; tr '\\0' ' ' < /proc/self/cmdline >> ${all.bench.folder}/environ`;
  const app = directory('app', {
    sources: { a: { store: 'box', path: 'a', version } },
    onChange: { command: ['sh', '-c', script] },
  });
  await all.bench.mustApply(directoryKind, all.site, [app]);
  assert.equal(await readFile(join(all.bench.folder, 'seen'), 'utf8'), 'hunter2');
  const environ = await readFile(join(all.bench.folder, 'environ'), 'utf8');
  assert.ok(!environ.includes('hunter2'));
  assert.match(environ, /KEYWRIGHT_CONSUMER=orders/);
  const names = environ.split('\n').flatMap((line) => /^([A-Z_]+)=/.exec(line)?.[1] ?? []);
  const ours = [
    'KEYWRIGHT_CONSUMER',
    'KEYWRIGHT_DIRECTORY',
    'KEYWRIGHT_GENERATION',
    'KEYWRIGHT_SECRET',
    'LANG',
    'PATH',
  ];
  // PWD is the shell's own.
  assert.deepEqual(new Set(names.filter((name) => name !== 'PWD')), new Set(ours));
});

test('a command that fails leaves the new files in place, and runs again at the next apply', async (t) => {
  const all = await siteBench(t);
  const version = await all.put('a', { key: 'value' });
  const app = directory('app', {
    sources: { a: { store: 'box', path: 'a', version } },
    onChange: { command: ['sh', '-c', 'echo value >&2; echo x >> runs; test -e works'] },
  });
  const results = await all.bench.apply(directoryKind, all.site, [app]);
  const applied = results.get(app.id)?.applied;
  assert.equal(applied?.outcome, 'failed');
  const message = applied?.outcome === 'failed' ? applied.error.message : '';
  assert.match(message, /onChange of consumer orders ended with code 1/);
  assert.ok(!message.includes('value'));
  const folder = join(all.site.directory, 'consumers/orders/app');
  assert.equal(await readFile(join(folder, 'key'), 'utf8'), 'value');
  const generation = await readlink(join(folder, '..data'));

  await writeFile(join(all.bench.folder, 'works'), '');
  const [change] = await all.bench.mustApply(directoryKind, all.site, [app]);
  assert.match(change?.reason ?? '', /not told/);
  assert.equal(await readlink(join(folder, '..data')), generation);
  assert.equal(await readFile(join(all.bench.folder, 'runs'), 'utf8'), 'x\nx\n');
  assert.deepEqual(await all.bench.mustApply(directoryKind, all.site, [app]), []);
});

test('onChange sends a signal to the process of a pid file, and says when nobody runs', async (t) => {
  const all = await siteBench(t);
  const version = await all.put('a', { key: 'value' });
  const app = directory('app', {
    sources: { a: { store: 'box', path: 'a', version } },
    onChange: { signal: { pidFile: 'app.pid', name: 'HUP' } },
  });
  const apply = async (): Promise<string> => {
    const results = await all.bench.apply(directoryKind, all.site, [app]);
    const applied = results.get(app.id)?.applied;
    return applied?.outcome === 'done' ? (applied.note ?? 'told') : (applied?.error.message ?? 'nothing to do');
  };
  assert.match(await apply(), /does not run \(no .*app\.pid\)/);
  const folder = join(all.site.directory, 'consumers/orders/app');
  const heard = new Promise((resolve) => process.once('SIGHUP', resolve));
  await writeFile(join(all.bench.folder, 'app.pid'), `${process.pid}\n`);
  await rm(join(folder, 'key'));
  assert.equal(await apply(), 'told');
  await heard;
  for (const [text, answer] of [
    ['', /no process id/],
    ['1\n', /no process id/],
    ['-5', /no process id/],
    ['4194000\n', /is gone/],
  ] as const) {
    await writeFile(join(all.bench.folder, 'app.pid'), text);
    await rm(join(folder, 'key'), { force: true });
    assert.match(await apply(), answer);
  }
});

test(
  'started by root, files belong to the consumer’s account, which can reach and read them',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async (t) => {
    const { execFileSync } = await import('node:child_process');
    const all = await delivered(t, { user: 'nobody' });
    const nobody = (await lstat(join(all.folder, '..data/api-key'))).uid;
    assert.equal(nobody, Number(execFileSync('id', ['-u', 'nobody'])));
    const path = await realpath(join(all.folder, 'api-key'));
    assert.equal(execFileSync('cat', [path], { uid: nobody, gid: nobody, encoding: 'utf8' }), 'k$1');
    for (const above of [dirname(all.folder), dirname(dirname(all.folder)), all.site.directory]) {
      const stat = await lstat(above);
      assert.equal(stat.uid, 0);
      assert.equal(stat.mode & 0o022, 0);
    }
    assert.deepEqual(await all.apply(all.app), []);
    execFileSync('chown', ['0:0', path]);
    assert.match((await all.apply(all.app)).join(), /belongs to 0:0/);
    assert.equal((await lstat(join(all.folder, '..data/api-key'))).uid, nobody);

    // Another account from now on.
    const own = { ...all.app, spec: { ...all.app.spec, user: undefined } };
    await all.apply(own);
    assert.equal((await lstat(join(all.folder, '..data/api-key'))).uid, 0);
    const [unknown] = await all.plan({ ...all.app, spec: { ...all.app.spec, user: 'nosuchaccount' } });
    assert.equal(unknown?.refusal?.code, 'account-missing');
  },
);
