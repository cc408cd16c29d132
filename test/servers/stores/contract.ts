import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { Failure } from '../../../src/model/failure.ts';
import { Secret } from '../../../src/model/secret.ts';
import { CheckAndSetConflict } from '../../../src/stores/backend.ts';
import type { EntryWrite, SecretBackend, SecretEntry } from '../../../src/stores/backend.ts';

export interface ContractSubject {
  /** Name of the backend, for the list of tests. */
  readonly name: string;
  /** An empty store of the test's own, taken away when the test ends. */
  open(t: TestContext): Promise<OpenedStore>;
}

export interface OpenedStore {
  readonly backend: SecretBackend;
  /** Another session with the same store, as another process would have it; closed when the test ends. */
  reopen(): Promise<SecretBackend>;
}

/**
 * What every store promises, measured on a real one. A backend is done when these pass unchanged; what it can do beyond
 * is in `features`, and its own tests.
 */
export function storeContract({ name, open }: ContractSubject): void {
  describe(`the contract of every store: ${name}`, () => {
    describe('reading and writing', () => {
      test('an entry that was never written is absent', async (t) => {
        const { backend } = await open(t);
        assert.deepEqual(await backend.read('apps/orders'), { state: 'absent' });
      });

      test('what was written is read again, by another session too', async (t) => {
        const { backend, reopen } = await open(t);
        const { version } = await backend.write(entry('apps/orders', { user: 'orders', password: 'p1' }));
        for (const session of [backend, await reopen()]) {
          const seen = await present(session, 'apps/orders');
          assert.deepEqual(values(seen), { user: 'orders', password: 'p1' });
          assert.equal(seen.path, 'apps/orders');
          assert.equal(seen.version, version);
          assert.equal(seen.deleted, false);
        }
      });

      test('a session sees what another session wrote after it was opened', async (t) => {
        const { backend, reopen } = await open(t);
        const other = await reopen();
        await backend.write(entry('apps/orders', { password: 'p1' }));
        assert.deepEqual(values(await present(other, 'apps/orders')), { password: 'p1' });
        await other.write(entry('apps/orders', { password: 'p2' }));
        assert.deepEqual(values(await present(backend, 'apps/orders')), { password: 'p2' });
      });

      test('values keep every character', async (t) => {
        const { backend, reopen } = await open(t);
        const odd = {
          'tls.key': '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n',
          quotes: `'"\\\`$(id) {user} %s`,
          unicode: 'žluťoučký 🔑 \u0000\u0001\u007f\u2028',
          empty: '',
          space: '  ends with spaces  ',
        };
        await backend.write(entry('apps/odd', odd));
        assert.deepEqual(values(await present(await reopen(), 'apps/odd')), odd);
      });

      test('a write replaces all keys of the entry', async (t) => {
        const { backend } = await open(t);
        await backend.write(entry('apps/orders', { user: 'orders', password: 'p1' }));
        await backend.write(entry('apps/orders', { password: 'p2' }));
        assert.deepEqual(values(await present(backend, 'apps/orders')), { password: 'p2' });
      });

      test('an entry may lie at a path and others below it', async (t) => {
        const { backend } = await open(t);
        await backend.write(entry('apps', { k: 'above' }));
        await backend.write(entry('apps/orders', { k: 'below' }));
        assert.deepEqual(values(await present(backend, 'apps')), { k: 'above' });
        assert.deepEqual(values(await present(backend, 'apps/orders')), { k: 'below' });
        assert.deepEqual(await backend.read('app'), { state: 'absent' });
      });

      test('the time of a write is told', async (t) => {
        const { backend } = await open(t);
        // A store may keep whole seconds.
        const before = Date.now() - 1_000;
        await backend.write(entry('apps/orders', { k: 'v' }));
        const { writtenAt } = await present(backend, 'apps/orders');
        assert.ok(Date.parse(writtenAt) >= before && Date.parse(writtenAt) <= Date.now() + 1_000, writtenAt);
      });

      test('many paths are read at once, each with its own answer', async (t) => {
        const { backend } = await open(t);
        await backend.write(entry('a/1', { k: 'one' }));
        await backend.write(entry('a/2', { k: 'two' }));
        const answers = await backend.readMany(['a/1', 'a/2', 'a/3']);
        assert.deepEqual([...answers.keys()].toSorted(), ['a/1', 'a/2', 'a/3']);
        const one = answers.get('a/1');
        assert.equal(one?.state, 'present');
        assert.deepEqual(values(one.seen), { k: 'one' });
        assert.equal(answers.get('a/3')?.state, 'absent');
        assert.equal((await backend.readMany([])).size, 0);
      });

      test('version and metadata of many are told at once, with and without a folder in common', async (t) => {
        const { backend } = await open(t);
        const paths = [...Array.from({ length: 40 }, (_, at) => `a/b/${at}`), 'a/b', 'c'];
        for (const path of paths) {
          await backend.write(entry(path, { k: 'v' }, { metadata: { mark: path } }));
        }
        await backend.delete('a/b/7');
        await backend.destroy('a/b/8');
        for (const asked of [paths, paths.slice(0, 41), ['a/b', 'c'], ['a/b/7'], ['a/b/8'], []]) {
          const infos = await backend.infoMany([...asked, ...asked.slice(0, 1)]);
          const listed = (await backend.list('')).filter(({ path }) => asked.includes(path));
          assert.deepEqual(
            [...infos.values()].toSorted((one, other) => (one.path < other.path ? -1 : 1)),
            listed,
          );
          assert.deepEqual([...infos.keys()].toSorted(), asked.filter((path) => path !== 'a/b/8').toSorted());
        }
      });

      test('an entry near the limit is taken, one beyond it is refused and leaves nothing', async (t) => {
        const { backend } = await open(t);
        const { maxEntryBytes } = backend.features;
        const large = 'x'.repeat(Math.floor(maxEntryBytes * 0.9));
        await backend.write(entry('large', { k: large }));
        assert.equal((await present(backend, 'large')).data.get('k')?.expose(), large);
        await assert.rejects(backend.write(entry('larger', { k: 'x'.repeat(maxEntryBytes + 1) })), Failure);
        assert.equal((await backend.read('larger')).state, 'absent');
      });

      test('a path that is no path is refused', async (t) => {
        const { backend } = await open(t);
        for (const path of ['', '/apps', 'apps/', 'apps//orders', 'apps/../orders']) {
          await assert.rejects(backend.write(entry(path, { k: 'v' })), Failure, JSON.stringify(path));
          await assert.rejects(backend.read(path), Failure, JSON.stringify(path));
        }
      });
    });

    describe('versions', () => {
      test('each write makes a version of a new name', async (t) => {
        const { backend } = await open(t);
        const first = await backend.write(entry('apps/orders', { k: 'same' }));
        const second = await backend.write(entry('apps/orders', { k: 'same' }));
        assert.notEqual(first.version, second.version);
        assert.equal((await present(backend, 'apps/orders')).version, second.version);
      });

      test('the previous version can still be read', async (t) => {
        const { backend } = await open(t);
        const first = await backend.write(entry('apps/orders', { k: 'one' }));
        await backend.write(entry('apps/orders', { k: 'two' }));
        const seen = await present(backend, 'apps/orders', first.version);
        assert.deepEqual(values(seen), { k: 'one' });
        assert.equal(seen.version, first.version);
      });

      test('a version that never was is absent', async (t) => {
        const { backend } = await open(t);
        const { version } = await backend.write(entry('apps/orders', { k: 'one' }));
        await backend.write(entry('apps/other', { k: 'one' }));
        await backend.destroy('apps/orders');
        await backend.write(entry('apps/other', { k: 'two' }));
        assert.equal((await backend.read('apps/orders', version)).state, 'absent');
      });

      test('a destroyed version is gone while the others stay', async (t) => {
        const { backend } = await open(t);
        if (!backend.features.destroyVersion) {
          t.skip('this store cannot destroy one version');
          return;
        }
        const first = await backend.write(entry('apps/orders', { k: 'one' }));
        const second = await backend.write(entry('apps/orders', { k: 'two' }));
        await backend.destroyVersion('apps/orders', first.version);
        assert.equal((await backend.read('apps/orders', first.version)).state, 'absent');
        assert.deepEqual(values(await present(backend, 'apps/orders')), { k: 'two' });
        await backend.destroyVersion('apps/orders', second.version);
        assert.equal((await backend.read('apps/orders')).state, 'absent');
        await backend.write(entry('apps/orders', { k: 'three' }));
        assert.deepEqual(values(await present(backend, 'apps/orders')), { k: 'three' });
      });
    });

    describe('check-and-set', () => {
      test('a write that expects absence is refused where something is', async (t) => {
        const { backend, reopen } = await open(t);
        await backend.write(entry('apps/orders', { k: 'mine' }, { expect: 'absent' }));
        const other = await reopen();
        await assert.rejects(other.write(entry('apps/orders', { k: 'theirs' }, { expect: 'absent' })), conflict);
        assert.deepEqual(values(await present(backend, 'apps/orders')), { k: 'mine' });
      });

      test('a write that expects a version is refused when another is current', async (t) => {
        const { backend } = await open(t);
        const first = await backend.write(entry('apps/orders', { k: 'one' }));
        const second = await backend.write(entry('apps/orders', { k: 'two' }, { expect: first.version }));
        await assert.rejects(backend.write(entry('apps/orders', { k: 'late' }, { expect: first.version })), conflict);
        await backend.write(entry('apps/orders', { k: 'three' }, { expect: second.version }));
        assert.deepEqual(values(await present(backend, 'apps/orders')), { k: 'three' });
      });

      test('a write that expects a version is refused where nothing is', async (t) => {
        const { backend } = await open(t);
        const { version } = await backend.write(entry('apps/other', { k: 'v' }));
        await assert.rejects(backend.write(entry('apps/orders', { k: 'v' }, { expect: version })), conflict);
        assert.equal((await backend.read('apps/orders')).state, 'absent');
      });

      test('a soft-deleted or destroyed entry counts as absent', async (t) => {
        const { backend } = await open(t);
        await backend.write(entry('deleted', { k: 'one' }));
        await backend.delete('deleted');
        await backend.write(entry('deleted', { k: 'two' }, { expect: 'absent' }));
        assert.deepEqual(values(await present(backend, 'deleted')), { k: 'two' });
        await backend.write(entry('destroyed', { k: 'one' }));
        await backend.destroy('destroyed');
        await backend.write(entry('destroyed', { k: 'two' }, { expect: 'absent' }));
        assert.deepEqual(values(await present(backend, 'destroyed')), { k: 'two' });
      });

      test('of many sessions that write at once, exactly one wins', async (t) => {
        const { backend, reopen } = await open(t);
        const sessions = [backend, await reopen(), await reopen(), await reopen()];
        const fromAbsent = await race(sessions, 'apps/orders', 'absent');
        assert.equal(fromAbsent.length, 1);
        const [winner] = fromAbsent;
        const next = await race(sessions, 'apps/orders', winner);
        assert.equal(next.length, 1);
        assert.equal((await present(await reopen(), 'apps/orders')).version, next[0]);
      });
    });

    describe('metadata', () => {
      const mark = { keywright: 'fleet=two-sites id=store/main/secret/apps/orders', fingerprint: 'a1b2c3' };

      test('is written with an entry, kept by later writes, and listed', async (t) => {
        const { backend, reopen } = await open(t);
        await backend.write(entry('apps/orders', { k: 'one' }, { metadata: mark }));
        await backend.write(entry('apps/orders', { k: 'two' }));
        const other = await reopen();
        assert.deepEqual({ ...(await present(other, 'apps/orders')).metadata }, mark);
        assert.deepEqual({ ...(await other.list(''))[0]?.metadata }, mark);
      });

      test('is replaced as a whole by a write that brings some', async (t) => {
        const { backend } = await open(t);
        await backend.write(entry('apps/orders', { k: 'one' }, { metadata: mark }));
        await backend.write(entry('apps/orders', { k: 'two' }, { metadata: { other: 'x' } }));
        assert.deepEqual({ ...(await present(backend, 'apps/orders')).metadata }, { other: 'x' });
        await backend.write(entry('apps/orders', { k: 'three' }, { metadata: {} }));
        assert.deepEqual({ ...(await present(backend, 'apps/orders')).metadata }, {});
      });

      test('is replaced alone without a new version', async (t) => {
        const { backend } = await open(t);
        const { version } = await backend.write(entry('apps/orders', { k: 'one' }, { metadata: { other: 'x' } }));
        await backend.writeMetadata('apps/orders', mark);
        const seen = await present(backend, 'apps/orders');
        assert.deepEqual({ ...seen.metadata }, mark);
        assert.equal(seen.version, version);
        assert.deepEqual(values(seen), { k: 'one' });
      });

      test('cannot be written where no entry is', async (t) => {
        const { backend } = await open(t);
        await assert.rejects(backend.writeMetadata('apps/orders', mark), Failure);
        assert.equal((await backend.list('')).length, 0);
      });
    });

    describe('listing', () => {
      test('an empty store lists nothing', async (t) => {
        const { backend } = await open(t);
        assert.deepEqual(await backend.list(''), []);
        assert.deepEqual(await backend.list('apps'), []);
      });

      test('a prefix covers its own entry and what is below, sorted by path', async (t) => {
        const { backend } = await open(t);
        for (const path of ['b/2', 'apps', 'apps/orders', 'apps/orders/deep', 'apps-other', 'b/1']) {
          await backend.write(entry(path, { k: 'v' }));
        }
        assert.deepEqual(await paths(backend, ''), [
          'apps',
          'apps-other',
          'apps/orders',
          'apps/orders/deep',
          'b/1',
          'b/2',
        ]);
        assert.deepEqual(await paths(backend, 'apps'), ['apps', 'apps/orders', 'apps/orders/deep']);
        assert.deepEqual(await paths(backend, 'apps/orders'), ['apps/orders', 'apps/orders/deep']);
        assert.deepEqual(await paths(backend, 'b'), ['b/1', 'b/2']);
        assert.deepEqual(await paths(backend, 'nothing'), []);
      });

      test('a listed entry has its version, and no value', async (t) => {
        const { backend } = await open(t);
        const { version } = await backend.write(entry('apps/orders', { k: 'canary-value' }));
        const listed = await backend.list('');
        assert.equal(listed[0]?.version, version);
        assert.equal(listed[0]?.deleted, false);
        assert.ok(!JSON.stringify(listed).includes('canary-value'));
      });
    });

    describe('deleting', () => {
      test('a soft-deleted entry is absent, still listed, and can be brought back', async (t) => {
        const { backend, reopen } = await open(t);
        await backend.write(entry('apps/orders', { k: 'one' }));
        const { version } = await backend.write(entry('apps/orders', { k: 'two' }));
        await backend.delete('apps/orders');
        const other = await reopen();
        assert.equal((await other.read('apps/orders')).state, 'absent');
        assert.equal((await other.readMany(['apps/orders'])).get('apps/orders')?.state, 'absent');
        const [listed] = await other.list('');
        assert.equal(listed?.path, 'apps/orders');
        assert.equal(listed.deleted, true);
        await other.undelete('apps/orders');
        const seen = await present(backend, 'apps/orders');
        assert.deepEqual(values(seen), { k: 'two' });
        assert.equal(seen.version, version);
        assert.equal((await backend.list(''))[0]?.deleted, false);
      });

      test('deleting twice, and undeleting what is not deleted, changes nothing', async (t) => {
        const { backend } = await open(t);
        await backend.write(entry('apps/orders', { k: 'one' }));
        await backend.undelete('apps/orders');
        assert.equal((await backend.read('apps/orders')).state, 'present');
        await backend.delete('apps/orders');
        await backend.delete('apps/orders');
        await backend.delete('apps/never');
        await backend.undelete('apps/orders');
        assert.deepEqual(values(await present(backend, 'apps/orders')), { k: 'one' });
      });

      test('one whose current version was destroyed is told from one that can be brought back', async (t) => {
        const { backend } = await open(t);
        if (!backend.features.destroyVersion) {
          t.skip('versions cannot be destroyed one by one');
          return;
        }
        const { version } = await backend.write(entry('apps/orders', { k: 'one' }));
        await backend.write(entry('apps/billing', { k: 'one' }));
        await backend.delete('apps/billing');
        await backend.destroyVersion('apps/orders', version);
        const asked = await backend.infoMany(['apps/billing', 'apps/orders']);
        for (const infos of [await backend.list(''), [asked.get('apps/billing'), asked.get('apps/orders')]]) {
          assert.deepEqual(
            infos.map((info) => [info?.path, info?.deleted, info?.destroyed ?? false]),
            [
              ['apps/billing', true, false],
              ['apps/orders', true, true],
            ],
          );
        }
        await backend.write(entry('apps/orders', { k: 'two' }, { expect: 'absent' }));
        assert.equal((await backend.list('apps/orders'))[0]?.deleted, false);
      });

      test('what is not there cannot be undeleted', async (t) => {
        const { backend } = await open(t);
        await assert.rejects(backend.undelete('apps/orders'), Failure);
        await backend.write(entry('apps/orders', { k: 'one' }));
        await backend.destroy('apps/orders');
        await assert.rejects(backend.undelete('apps/orders'), Failure);
      });

      test('a destroyed entry is gone with its versions and metadata, and its version name is never given again', async (t) => {
        const { backend, reopen } = await open(t);
        const { version } = await backend.write(entry('apps/orders', { k: 'one' }, { metadata: { a: 'b' } }));
        await backend.destroy('apps/orders');
        const other = await reopen();
        assert.equal((await other.read('apps/orders')).state, 'absent');
        assert.deepEqual(await other.list(''), []);
        const again = await other.write(entry('apps/orders', { k: 'two' }));
        assert.notEqual(again.version, version);
        assert.equal((await other.read('apps/orders', version)).state, 'absent');
        assert.deepEqual({ ...(await present(other, 'apps/orders')).metadata }, {});
      });

      test('destroying what is not there, or only soft-deleted, is no error', async (t) => {
        const { backend } = await open(t);
        await backend.destroy('apps/never');
        await backend.write(entry('apps/orders', { k: 'one' }));
        await backend.delete('apps/orders');
        await backend.destroy('apps/orders');
        assert.deepEqual(await backend.list(''), []);
      });

      test('one entry is deleted or destroyed without its neighbours', async (t) => {
        const { backend } = await open(t);
        for (const path of ['apps', 'apps/orders', 'apps/orders/deep']) {
          await backend.write(entry(path, { k: path }));
        }
        await backend.destroy('apps/orders');
        assert.deepEqual(await paths(backend, ''), ['apps', 'apps/orders/deep']);
        assert.deepEqual(values(await present(backend, 'apps')), { k: 'apps' });
      });
    });

    describe('many writes at once', () => {
      test('each has a result of its own, and a conflict stops no other', async (t) => {
        const { backend, reopen } = await open(t);
        await backend.write(entry('m/1', { k: 'old' }));
        const results = await backend.writeMany([
          entry('m/1', { k: 'new' }, { expect: 'absent' }),
          entry('m/2', { k: 'two' }, { expect: 'absent', metadata: { a: 'b' } }),
          entry('m/3', { k: 'three' }),
        ]);
        assert.ok(results.get('m/1') instanceof CheckAndSetConflict);
        const other = await reopen();
        assert.deepEqual(values(await present(other, 'm/1')), { k: 'old' });
        for (const [path, value] of [
          ['m/2', 'two'],
          ['m/3', 'three'],
        ] as const) {
          const result = results.get(path);
          assert.ok(result !== undefined && !(result instanceof Error));
          const seen = await present(other, path);
          assert.equal(seen.version, result.version);
          assert.deepEqual(values(seen), { k: value });
        }
        assert.deepEqual({ ...(await present(other, 'm/2')).metadata }, { a: 'b' });
      });

      test('an entry that cannot be written has an error, the others are written', async (t) => {
        const { backend } = await open(t);
        const results = await backend.writeMany([
          entry('too/large', { k: 'x'.repeat(backend.features.maxEntryBytes + 1) }),
          entry('right', { k: 'v' }),
        ]);
        assert.ok(results.get('too/large') instanceof Failure);
        assert.deepEqual(values(await present(backend, 'right')), { k: 'v' });
        assert.equal((await backend.writeMany([])).size, 0);
      });

      test('a hundred entries arrive', async (t) => {
        const { backend, reopen } = await open(t);
        const writes = Array.from({ length: 100 }, (_, at) => entry(`bulk/${at}`, { k: `value ${at}` }));
        const results = await backend.writeMany(writes);
        assert.equal(results.size, 100);
        const other = await reopen();
        assert.equal((await other.list('bulk')).length, 100);
        const answers = await other.readMany(writes.map((write) => write.path));
        for (let at = 0; at < 100; at++) {
          const answer = answers.get(`bulk/${at}`);
          assert.equal(answer?.state, 'present');
          assert.deepEqual(values(answer.seen), { k: `value ${at}` });
        }
      });
    });

    describe('the store itself', () => {
      test('has one identity in every session', async (t) => {
        const { backend, reopen } = await open(t);
        const identity = await backend.identity();
        assert.notEqual(identity, '');
        assert.equal(await (await reopen()).identity(), identity);
      });

      test('answers nothing in a closed session, and can be closed twice', async (t) => {
        const { reopen } = await open(t);
        const session = await reopen();
        await session.close();
        await session.close();
        await assert.rejects(session.read('apps/orders'));
      });

      test('puts no value into what is printed', async (t) => {
        const { backend } = await open(t);
        await backend.write(entry('apps/orders', { k: 'canary-value' }));
        const seen = await present(backend, 'apps/orders');
        assert.ok(!JSON.stringify([...seen.data]).includes('canary-value'));
        await assert.rejects(
          backend.write(entry('apps/orders', { k: 'canary-value' }, { expect: 'absent' })),
          (error: Error) => !`${error.stack} ${JSON.stringify(error)}`.includes('canary-value'),
        );
      });
    });
  });
}

/** A write of plain values. */
export function entry(
  path: string,
  data: Readonly<Record<string, string>>,
  more: Pick<EntryWrite, 'expect' | 'metadata'> = {},
): EntryWrite {
  return { path, data: new Map(Object.entries(data).map(([key, value]) => [key, new Secret(value)])), ...more };
}

/** The values of an entry, in plain. */
export function values({ data }: SecretEntry): Record<string, string> {
  return Object.fromEntries([...data].map(([key, value]) => [key, value.expose()]));
}

/** Reads an entry that must be there. */
export async function present(backend: SecretBackend, path: string, version?: string): Promise<SecretEntry> {
  const answer = await backend.read(path, version);
  assert.equal(answer.state, 'present', `${path} is ${answer.state}`);
  return answer.seen;
}

async function paths(backend: SecretBackend, prefix: string): Promise<readonly string[]> {
  return (await backend.list(prefix)).map((info) => info.path);
}

async function race(
  sessions: readonly SecretBackend[],
  path: string,
  expect: string | undefined,
): Promise<readonly string[]> {
  const attempts = sessions.map((session, at) => session.write(entry(path, { k: `session ${at}` }, { expect })));
  const versions: string[] = [];
  for (const result of await Promise.allSettled(attempts)) {
    if (result.status === 'fulfilled') {
      versions.push(result.value.version);
    } else {
      assert.ok(conflict(result.reason), String(result.reason));
    }
  }
  return versions;
}

function conflict(error: unknown): boolean {
  return error instanceof CheckAndSetConflict;
}
