import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import type { TestContext } from 'node:test';
import { VaultStore } from '../../src/stores/vault/backend.ts';
import type { VaultClientOptions } from '../../src/stores/vault/client.ts';
import { realEnvironment } from './file-store.ts';
import type { OpenBao } from './openbao.ts';
import { StoreBench } from './store-bench.ts';
import { clientOf } from './vault-client.ts';

export interface VaultBench {
  readonly bench: StoreBench;
  /** The store `main`: a fresh KV mount of the server. */
  readonly main: VaultStore;
  readonly mount: string;
  /** For names that tests of one server do not share. */
  readonly unique: string;
}

/** A fleet with a store `main` in a real server, and stores in files beside it. */
export async function vaultBench(
  t: TestContext,
  bao: OpenBao,
  options: {
    readonly fleet?: string;
    readonly client?: Partial<VaultClientOptions>;
    /** Of the mount; a mark in it makes the mount a fleet's own. */
    readonly description?: string;
  } = {},
): Promise<VaultBench> {
  const folder = await mkdtemp('/tmp/kwt-vault-');
  t.after(() => rm(folder, { recursive: true, force: true }));
  const unique = randomBytes(4).toString('hex');
  const mount = `kv-${unique}`;
  await bao.ask('POST', `sys/mounts/${mount}`, {
    type: 'kv',
    options: { version: '2' },
    ...(options.description === undefined ? {} : { description: options.description }),
  });
  const bench = new StoreBench(options.fleet ?? 'test', folder);
  const client = clientOf(t, bao, options.client);
  const main = await VaultStore.open({ client, mount, now: realEnvironment.now });
  bench.stores.set('main', main);
  return { bench, main, mount, unique };
}
