import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Change } from '../../../src/model/change.ts';
import { resourceId, targetId } from '../../../src/model/ids.ts';
import type { Resource } from '../../../src/model/resource.ts';
import { VaultStore } from '../../../src/stores/vault/backend.ts';
import { tokenLogin } from '../../../src/stores/vault/login/token-file.ts';
import { formatMark } from '../../../src/targets/process/mark.ts';
import { secretKind } from '../../../src/targets/store/secret.ts';
import type { KeySource, SecretSpec } from '../../../src/targets/store/secret.spec.ts';
import { realEnvironment } from '../../support/file-store.ts';
import { resource } from '../../support/kinds.ts';
import { notOpenBao, openBaoMissing, openBaoOfSuite } from '../../support/openbao.ts';
import { putByHand, valuesOf } from '../../support/store-bench.ts';
import { vaultBench } from '../../support/vault-bench.ts';
import type { VaultBench } from '../../support/vault-bench.ts';
import { clientOf, tokenWith } from '../../support/vault-client.ts';

const generated: Readonly<Record<string, KeySource>> = { password: { generate: { hex: 8 } } };

function secret(path: string, keys = generated, extra: Parameters<typeof resource>[2] = {}): Resource<SecretSpec> {
  return resource(resourceId(targetId('store', 'main'), 'secret', path), { store: 'main', path, keys }, extra);
}

const descriptionOf = (fleet: string): string =>
  `secrets of a test\n${formatMark({ fleet, id: 'store/main/mount/kv' })}`;

describe('a mount that bears the mark of a fleet', { skip: openBaoMissing }, () => {
  const server = openBaoOfSuite();
  const own = (t: TestContext, fleet = 'test'): Promise<VaultBench> =>
    vaultBench(t, server(), { fleet: 'test', description: descriptionOf(fleet) });
  const plan = async ({ bench, main }: VaultBench, ...wanted: Resource<SecretSpec>[]): Promise<string[]> =>
    (await bench.plan(secretKind, main, wanted)).map(wordsOf);

  /** Requests to a mount since the test began, by method and API. */
  function requests(mount: string): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const line of server().peers[0]!.audit().trimEnd().split('\n')) {
      const { type, request } = JSON.parse(line) as { type: string; request: { path: string; operation: string } };
      const [, , api] = /^([^/]+)\/([^/]+)\//.exec(request.path) ?? [];
      if (type === 'request' && request.path.startsWith(`${mount}/`) && api !== undefined) {
        const name = `${request.operation} ${api}`;
        counts[name] = (counts[name] ?? 0) + 1;
      }
    }
    return counts;
  }

  /** A mount as somebody else leaves it; a session learns of that when it begins. */
  async function describedAs(t: TestContext, { bench, mount }: VaultBench, description: string): Promise<VaultStore> {
    await server().ask('POST', `sys/mounts/${mount}/tune`, { description });
    const main = await VaultStore.open({ client: clientOf(t, server()), mount, now: realEnvironment.now });
    bench.stores.set('main', main);
    return main;
  }

  test('takes one write per new entry, and is planned without reading a value or the right to', async (t) => {
    const all = Array.from({ length: 40 }, (_, at) => secret(`apps/${at}`));
    const place = await own(t);
    const { bench, main, mount } = place;
    await bench.mustApply(secretKind, main, all);
    const looks = notOpenBao === false ? { 'scan detailed-metadata': 1 } : { 'read metadata': 1, 'list metadata': 1 };
    assert.deepEqual(requests(mount), { ...looks, 'create data': 40 });
    assert.ok((await main.list('')).every(({ metadata }) => Object.keys(metadata).length === 0));

    const listed =
      notOpenBao === false
        ? 'detailed-metadata/*" { capabilities = ["list", "scan"] }'
        : 'metadata/*" { capabilities = ["read"] }';
    const rules = `path "${mount}/${listed}
      path "sys/mounts/${mount}" { capabilities = ["read"] }
      path "${mount}" { capabilities = ["read"] }`;
    const login = tokenLogin(await tokenWith(server(), `look-${mount}`, rules), 'a token that reads no value');
    const client = clientOf(t, server(), { login });
    const looking = await VaultStore.open({ client, mount, now: realEnvironment.now });
    assert.deepEqual(new Set(await plan({ ...place, main: looking }, ...all)), new Set(['none']));
  });

  test('has no entry made anew when the inventory is lost, and no value changes', async (t) => {
    const { bench, main } = await own(t);
    const app = secret('apps/orders', { ...generated, url: { template: 'x:{password}' } });
    await bench.mustApply(secretKind, main, [app]);
    const [before] = await main.list('');
    bench.records.clear();
    const [change] = await bench.mustApply(secretKind, main, [app]);
    assert.equal(change && wordsOf(change), 'update: is recorded as complete; its fingerprint is made anew');
    assert.deepEqual(await main.list(''), [before]);
    assert.deepEqual(await bench.mustApply(secretKind, main, [app]), []);
  });

  test('has a value that was put by hand accepted, and what stands on it put together anew', async (t) => {
    const { bench, main } = await own(t);
    const app = secret('apps/orders', { ...generated, url: { template: 'x:{password}' } });
    await bench.mustApply(secretKind, main, [app]);
    await putByHand(main, 'apps/orders', { password: 'by-hand' });
    await bench.mustApply(secretKind, main, [app]);
    assert.deepEqual(await valuesOf(main, 'apps/orders'), { password: 'by-hand', url: 'x:by-hand' });
    assert.deepEqual(await bench.mustApply(secretKind, main, [app]), []);
  });

  test('keeps its entries without a write when they leave, and takes them up when they come back', async (t) => {
    const place = await own(t);
    const { bench, main } = place;
    const stays = secret('apps/stays');
    const leaves = secret('apps/leaves');
    const goes = secret('apps/goes', generated, { reclaimPolicy: 'delete' });
    await bench.mustApply(secretKind, main, [stays, leaves, goes]);
    const values = await valuesOf(main, 'apps/leaves');
    const changes = await bench.mustApply(secretKind, main, [stays]);
    assert.deepEqual(changes.map(({ action }) => action).toSorted(), ['remove', 'retain']);
    assert.deepEqual(
      (await main.list('')).map(({ path }) => path),
      ['apps/leaves', 'apps/stays'],
    );
    assert.deepEqual(await plan(place, stays, leaves), ['none', 'adopt: takes over what is there']);
    await bench.mustApply(secretKind, main, [stays, leaves]);
    assert.deepEqual(await valuesOf(main, 'apps/leaves'), values);
  });

  test('that loses its mark still has what we wrote, but nothing that somebody wrote since', async (t) => {
    const place = await own(t);
    const { bench, main } = place;
    const all = [secret('apps/one'), secret('apps/two')];
    await bench.mustApply(secretKind, main, all);
    const after = await describedAs(t, place, 'somebody else has it now');
    await putByHand(after, 'apps/two', { password: 'theirs' });
    const [one, two] = await plan({ ...place, main: after }, ...all);
    assert.equal(one, 'none');
    assert.match(two ?? '', /^refused: apps\/two is there already and was not made by this fleet/);
    // What is written from then on bears a mark of its own.
    const more = secret('apps/one', { ...generated, token: { generate: { hex: 8 } } });
    await bench.mustApply(secretKind, after, [more]);
    const [info] = await after.list('apps/one');
    assert.equal(info?.metadata['keywright'], `fleet=test id=${more.id}`);
    assert.deepEqual(await plan({ ...place, main: after }, more), ['none']);
  });

  test('of another fleet is not ours, although its entries bear no mark; new ones of ours are marked', async (t) => {
    const place = await own(t, 'other');
    const { bench, main } = place;
    await putByHand(main, 'apps/theirs', { password: 'theirs' });
    const allow = [{ rule: 'adopt-existing', reason: 'a test' }];
    assert.deepEqual(await plan(place, secret('apps/theirs', generated, { allow })), [
      'refused: apps/theirs belongs to fleet other (store/main/mount/kv)',
    ]);
    await bench.mustApply(secretKind, main, [secret('apps/ours')]);
    assert.equal(
      (await main.list('apps/ours'))[0]?.metadata['keywright'],
      'fleet=test id=store/main/secret/apps%2Fours',
    );
  });

  test('may hold entries that bear the mark of another fleet, and those are not ours', async (t) => {
    const place = await own(t);
    const { main } = place;
    await putByHand(main, 'apps/theirs', { password: 'theirs' });
    await main.writeMetadata('apps/theirs', { keywright: 'fleet=other id=store/x/secret/y' });
    assert.deepEqual(await plan(place, secret('apps/theirs')), [
      'refused: apps/theirs belongs to fleet other (store/x/secret/y)',
    ]);
  });

  test('has an entry kept that somebody put there between plan and apply', async (t) => {
    const { bench, main } = await own(t);
    const app = secret('apps/orders');
    const racing = new Proxy(main, {
      get(store, name) {
        const member = Reflect.get(store, name) as unknown;
        if (name === 'writeMany') {
          return async (writes: Parameters<VaultStore['writeMany']>[0]) => {
            if (writes[0]?.expect === 'absent') {
              await putByHand(store, 'apps/orders', { password: 'first' });
            }
            return store.writeMany(writes);
          };
        }
        return typeof member === 'function' ? (member.bind(store) as unknown) : member;
      },
    });
    await bench.mustApply(secretKind, racing, [app]);
    assert.deepEqual(await valuesOf(main, 'apps/orders'), { password: 'first' });
    assert.deepEqual(await bench.mustApply(secretKind, main, [app]), []);
  });
});

function wordsOf({ action, reason }: Change): string {
  return reason === undefined ? action : `${action}: ${reason}`;
}
