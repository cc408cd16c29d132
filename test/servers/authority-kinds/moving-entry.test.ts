import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCertificate } from '../../../src/authority/certificate.ts';
import { readCrls } from '../../../src/authority/crl.ts';
import { registry } from '../../../src/cli/registry.ts';
import { applyFleet } from '../../../src/engine/fleet-apply.ts';
import { Run } from '../../../src/engine/run.ts';
import type { Environment } from '../../../src/model/environment.ts';
import { compileDocuments } from '../../support/compiled.ts';
import { testEnvironment, testFolder } from '../../support/engine-run.ts';
import { valuesOf } from '../../support/store-bench.ts';

const store = (name: string): string =>
  `kind: Store\nmetadata: { name: ${name} }\nspec: { file: { path: ${name}, identityFile: .keywright/${name}.txt } }`;

const base = [
  'kind: Fleet\nmetadata: { name: f }\nspec: { home: box, defaults: { store: box, authority: local } }',
  store('box'),
  store('other'),
  ...['local', 'second'].map(
    (name) =>
      `kind: Authority\nmetadata: { name: ${name} }\nspec: { pki: { root: { ttl: 10y }, intermediate: { ttl: 1y } } }`,
  ),
];

const web = (path: string, more = ''): string =>
  `{ path: ${path}, certificate: { hosts: [web.example], ttl: 20d${more} } }`;

function tree(spec: string, ...entries: readonly string[]): string {
  return `kind: SecretTree\nmetadata: { name: apps }\nspec: { ${spec}, entries: [${entries.join(', ')}] }`;
}

interface Applied {
  /** Action and reason of each change on a certificate or a revocation list. */
  readonly changes: readonly string[];
  readonly read: (path: string, store?: string) => Promise<Record<string, string>>;
  readonly paths: (store?: string) => Promise<string[]>;
  /** Serials in the lists of the authority `local`. */
  readonly revoked: readonly string[];
}

async function apply(
  folder: string,
  document: string,
  look: (applied: Applied) => Promise<void> = async () => {},
  environment: Environment = testEnvironment,
): Promise<readonly string[]> {
  const run = new Run({ compiled: compileDocuments(...base, document), registry, folder, environment });
  try {
    const { plan, result } = await applyFleet(run, {
      command: 'apply',
      allowRemovals: 99,
      lockWaitMilliseconds: 10_000,
    });
    assert.deepEqual(result?.failed.map(({ error }) => error.message) ?? [], []);
    const open = (name: string) => run.store(name);
    const lists = readCrls((await valuesOf(await open('box'), 'keywright/f/authorities/local/crl'))['crl.pem'] ?? '');
    const changes = plan.plan.changes
      .filter(({ kind }) => kind === 'certificate' || kind === 'crl')
      .map(({ id, change }) => `${change.action} ${id}: ${change.reason ?? ''}`);
    await look({
      changes,
      read: async (path, name = 'box') => valuesOf(await open(name), path),
      paths: async (name = 'box') =>
        (await (await open(name)).list('')).map(({ path }) => path).filter((path) => !path.startsWith('keywright/')),
      revoked: lists.flatMap(({ revoked }) => revoked.map(({ serial }) => serial)),
    });
    return changes;
  } finally {
    await run.close();
  }
}

const id = (store: string, path: string): string =>
  `authority/local/certificate/entry/${store}/${encodeURIComponent(path)}`;

const serialOf = (values: Record<string, string>): string => readCertificate(values['tls.crt'] ?? '').serial;

test('a certificate whose path, name or store changes is moved, not issued anew, and not revoked', async (t) => {
  const folder = await testFolder(t);
  let before: Record<string, string> = {};
  let probe: readonly string[] = [];
  await apply(folder, tree('path: apps', web('tls')), async ({ read, revoked }) => {
    before = await read('apps/tls');
    probe = revoked;
  });
  const steps: [string, string, string, string, string][] = [
    ['path: services', 'tls', 'box', 'apps/tls', 'services/tls'],
    ['path: services', 'edge', 'box', 'services/tls', 'services/edge'],
    ['path: services, store: other', 'edge', 'other', 'services/edge', 'services/edge'],
  ];
  let from = 'box';
  for (const [spec, name, to, oldPath, newPath] of steps) {
    const place = from === to ? oldPath : `${oldPath} of store ${from}`;
    const old = id(from, oldPath);
    await apply(folder, tree(spec, web(name)), async ({ changes, read, paths, revoked }) => {
      assert.deepEqual(changes, [
        `create ${id(to, newPath)}: moves from ${place}`,
        `retain ${old}: moves to ${id(to, newPath)}`,
      ]);
      assert.deepEqual(await read(newPath, to), before);
      assert.deepEqual(revoked, probe);
      assert.ok((await paths(from)).includes(oldPath), 'what was there is kept');
    });
    assert.deepEqual(await apply(folder, tree(spec, web(name))), []);
    from = to;
  }
  await apply(
    folder,
    tree('path: services, store: other', '{ path: x, keys: { x: { value: x } } }'),
    async ({ revoked }) => {
      assert.deepEqual(revoked.toSorted(), [...probe, serialOf(before)].toSorted());
    },
  );
});

test('with reclaimPolicy delete nothing stays where it was', async (t) => {
  const folder = await testFolder(t);
  const policy = 'reclaimPolicy: delete, path: ';
  let before: Record<string, string> = {};
  await apply(folder, tree(`${policy}apps`, web('tls')), async ({ read }) => {
    before = await read('apps/tls');
  });
  await apply(folder, tree(`${policy}services`, web('tls')), async ({ read, paths }) => {
    assert.deepEqual(await read('services/tls'), before);
    assert.deepEqual(await paths(), ['services/tls']);
  });
});

test('one that is due, for other hosts or of another authority is issued anew at its new place', async (t) => {
  for (const [entry, days] of [
    [web('tls'), 19],
    ['{ path: tls, certificate: { hosts: [web.example, www.example], ttl: 20d } }', 0],
    [web('tls', ', authority: second'), 0],
  ] as const) {
    const folder = await testFolder(t);
    let before = '';
    await apply(folder, tree('path: apps', web('tls')), async ({ read }) => {
      before = serialOf(await read('apps/tls'));
    });
    const later = { ...testEnvironment, now: () => new Date(Date.now() + days * 86_400_000) };
    const moved = tree('path: services', entry);
    await apply(
      folder,
      moved,
      async ({ read, revoked }) => {
        assert.notEqual(serialOf(await read('services/tls')), before);
        // As where it lies stays the same: who still presents the old one is not locked out by that.
        assert.equal(revoked.includes(before), entry.includes('second'));
      },
      later,
    );
    assert.deepEqual(await apply(folder, moved, undefined, later), []);
  }
});

test('two that may be meant are not guessed, and one that left while a like one was there is revoked', async (t) => {
  const folder = await testFolder(t);
  let serials: string[] = [];
  await apply(folder, tree('path: apps', web('one'), web('two')), async ({ read }) => {
    serials = [serialOf(await read('apps/one')), serialOf(await read('apps/two'))];
  });
  await assert.rejects(
    apply(folder, tree('path: apps', web('three'), web('four'))),
    /may be the new place of .*one or .*two/,
  );
  await apply(folder, tree('path: apps', web('two')), async ({ revoked, read }) => {
    assert.ok(revoked.includes(serials[0] as string));
    assert.equal(serialOf(await read('apps/two')), serials[1]);
  });
});
