import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Secret } from '../../../src/model/secret.ts';
import { encodeApiPath } from '../../../src/stores/vault/api-path.ts';
import { backoffMilliseconds, retryAfterMilliseconds } from '../../../src/stores/vault/backoff.ts';
import { redact, requestBody } from '../../../src/stores/vault/body.ts';
import { missingCapabilities, neededCapability } from '../../../src/stores/vault/capability.ts';
import { Consistency } from '../../../src/stores/vault/consistency.ts';
import { Limit } from '../../../src/stores/vault/limit.ts';
import { readReply } from '../../../src/stores/vault/reply.ts';
import { environmentAt } from '../../support/environment.ts';

describe('paths', () => {
  test('each segment is encoded, a final slash is kept', () => {
    assert.equal(encodeApiPath('secret/data/a b/c?d#e%f'), 'secret/data/a%20b/c%3Fd%23e%25f');
    assert.equal(encodeApiPath('secret/metadata/'), 'secret/metadata/');
  });

  test('no encoded path can be cleaned into another', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '/', '.', '%', '2', 'F', 'ž', ' ') }), (path) => {
        let encoded: string;
        try {
          encoded = encodeApiPath(path);
        } catch {
          return;
        }
        const { pathname } = new URL(`https://h/v1/${encoded}`);
        assert.equal(pathname, `/v1/${encoded}`);
        assert.equal(pathname.slice('/v1/'.length).split('/').map(decodeURIComponent).join('/'), path);
      }),
    );
  });
});

describe('waiting', () => {
  test('doubles up to two seconds, at random between half and all of it', () => {
    const low = environmentAt('2026-01-01', (length) => new Uint8Array(length));
    const high = environmentAt('2026-01-01', (length) => new Uint8Array(length).fill(255));
    assert.deepEqual(
      [1, 2, 3, 4, 5, 6, 7, 20].map((n) => backoffMilliseconds(n, low)),
      [25, 50, 100, 200, 400, 800, 1000, 1000],
    );
    assert.deepEqual(
      [1, 2, 3, 7].map((n) => backoffMilliseconds(n, high)),
      [50, 100, 200, 2000],
    );
  });

  test('Retry-After is seconds or a date', () => {
    const now = new Date('2026-01-01T00:00:00Z');
    assert.equal(retryAfterMilliseconds('3', now), 3000);
    assert.equal(retryAfterMilliseconds('Thu, 01 Jan 2026 00:00:05 GMT', now), 5000);
    assert.equal(retryAfterMilliseconds('soon', now), undefined);
    assert.equal(retryAfterMilliseconds(undefined, now), undefined);
  });
});

describe('bodies', () => {
  test('secrets are exposed only in the text that is sent, and taken out of answers in every form', () => {
    const { text, secrets } = requestBody({
      data: new Map([['k', new Secret('a"b\nc')]]),
      list: [new Secret('wxyz')],
      n: 1,
    });
    assert.deepEqual(JSON.parse(text), { data: { k: 'a"b\nc' }, list: ['wxyz'], n: 1 });
    assert.equal(
      redact('bad value a"b\nc, a\\"b\\nc and a%22b%0Ac, wxyz', secrets),
      'bad value [secret], [secret] and [secret], [secret]',
    );
  });
});

describe('capabilities', () => {
  test('method and path say what is needed', () => {
    assert.deepEqual(neededCapability('LIST', 'secret/metadata/apps').path, 'secret/metadata/apps/');
    assert.deepEqual(neededCapability('SCAN', 'secret/metadata/').capabilities, ['scan']);
    assert.deepEqual(neededCapability('POST', 'sys/auth/x').capabilities, ['update', 'sudo']);
    assert.deepEqual(neededCapability('GET', 'sys/auth').capabilities, ['read']);
    assert.deepEqual(neededCapability('DELETE', 'sys/policies/acl/x').capabilities, ['delete']);
  });

  test('create alone is enough for a write, for all that can be known', () => {
    const write = neededCapability('POST', 'secret/data/x');
    assert.deepEqual(missingCapabilities(write, ['create']), []);
    assert.deepEqual(missingCapabilities(write, ['read']), ['update']);
    assert.deepEqual(missingCapabilities(write, ['root']), []);
    assert.deepEqual(missingCapabilities(neededCapability('PUT', 'sys/seal'), ['update']), ['sudo']);
  });
});

describe('reading our own writes', () => {
  const header = (cluster: string, value: number): string =>
    Buffer.from(JSON.stringify({ cluster, value: String(value) })).toString('base64');

  test('the newest index of a cluster is sent, also when answers come out of order', () => {
    const consistency = new Consistency();
    assert.deepEqual(consistency.headers(), {});
    consistency.saw(header('c', 9));
    consistency.saw(header('c', 10));
    consistency.saw(header('c', 8));
    assert.equal(consistency.headers()['X-Vault-Index'], header('c', 10));
    assert.equal(consistency.headers()['X-Vault-Inconsistent'], 'forward-active-node');
    consistency.saw(header('another', 1));
    assert.equal(consistency.headers()['X-Vault-Index'], header('another', 1));
  });

  test('a server that speaks of something else is sent nothing', () => {
    const consistency = new Consistency();
    consistency.saw(undefined);
    consistency.saw('not base64 of JSON');
    assert.deepEqual(consistency.headers(), {});
  });
});

describe('the limit', () => {
  test('lets so many run at once, in their order, and goes on after a failure', async () => {
    const limit = new Limit(3);
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const work = Array.from({ length: 20 }, (_, i) =>
      limit.run(async () => {
        order.push(i);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        if (i % 5 === 0) {
          throw new Error('one fails');
        }
      }),
    );
    const results = await Promise.allSettled(work);
    assert.equal(most, 3);
    assert.equal(results.filter((result) => result.status === 'rejected').length, 4);
    assert.deepEqual(
      order,
      [...order].toSorted((a, b) => a - b),
    );
  });
});

describe('answers', () => {
  test('whatever comes, taking it apart never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const reply = readReply({ status: 200, headers: {}, text });
        assert.ok(Array.isArray(reply.errors) && typeof reply.data === 'object');
      }),
    );
  });
});
