import { mkdtemp, rm } from 'node:fs/promises';
import type { RunContext } from '../../src/engine/interfaces.ts';
import { Secret } from '../../src/model/secret.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import { openFileStore } from '../../src/stores/file/open.ts';
import { KindBench } from './kinds.ts';

interface CleanUp {
  after(cleanUp: () => Promise<void>): void;
}

/** A bench over a real file store `box` in a folder of its own, with variables to import from. */
export class StoreBench extends KindBench {
  readonly variables: Record<string, string> = {};

  override get context(): RunContext {
    return { ...super.context, env: (name) => this.variables[name] };
  }

  /** The store of that name, made when it is not there. */
  async open(name: string): Promise<SecretBackend> {
    const answer = await openFileStore({
      name,
      folder: `${this.folder}/${name}`,
      identityFile: `${this.folder}/.keywright/${name}.txt`,
      mayCreate: true,
      environment: this.context.environment,
    });
    if (answer.state !== 'present') {
      throw new Error(`store ${name} is ${answer.state}`);
    }
    this.stores.set(name, answer.seen);
    return answer.seen;
  }
}

/** A fleet `test` with a store `box`, gone with the test. */
export async function storeBench(
  t: CleanUp,
  options: { readonly fleet?: string } = {},
): Promise<{ readonly bench: StoreBench; readonly box: SecretBackend }> {
  const folder = await mkdtemp('/tmp/kwt-store-');
  const bench = new StoreBench(options.fleet ?? 'test', folder);
  const box = await bench.open('box');
  t.after(async () => {
    await Promise.all([...bench.stores.values()].map((store) => store.close()));
    await rm(folder, { recursive: true, force: true });
  });
  return { bench, box };
}

/** The values of an entry, as plain text. */
export async function valuesOf(store: SecretBackend, path: string): Promise<Record<string, string>> {
  const answer = await store.read(path);
  if (answer.state !== 'present') {
    throw new Error(`${path} is ${answer.state}`);
  }
  return Object.fromEntries([...answer.seen.data].map(([key, value]) => [key, value.expose()]));
}

/** What a person does who changes keys by hand and knows nothing of metadata. */
export async function putByHand(
  store: SecretBackend,
  path: string,
  values: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const answer = await store.read(path);
  const data = new Map(answer.state === 'present' ? answer.seen.data : []);
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined) {
      data.delete(key);
    } else {
      data.set(key, new Secret(value));
    }
  }
  return (await store.write({ path, data })).version;
}
