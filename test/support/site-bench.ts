import { chmod } from 'node:fs/promises';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import { Secret } from '../../src/model/secret.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import type { DirectorySpec } from '../../src/targets/file/directory.spec.ts';
import { localSite } from '../../src/targets/process/local-site.ts';
import type { LocalSite } from '../../src/targets/process/local-site.ts';
import { resource } from './kinds.ts';
import { storeBench } from './store-bench.ts';
import type { StoreBench } from './store-bench.ts';

export interface SiteBench {
  readonly bench: StoreBench;
  readonly box: SecretBackend;
  readonly site: LocalSite;
  /** Writes an entry whole and answers its version. */
  put(path: string, values: Readonly<Record<string, string>>): Promise<string>;
}

/** A fleet with a store `box` and a local site `site-a`, both real, gone with the test. */
export async function siteBench(t: { after(cleanUp: () => Promise<void>): void }): Promise<SiteBench> {
  const { bench, box } = await storeBench(t);
  await chmod(bench.folder, 0o755);
  const answer = await bench.connect(localSite, 'site-a', { name: 'site-a', directory: '.keywright/site-a' });
  if (answer.state !== 'present') {
    throw new Error(`site-a is ${answer.state}`);
  }
  return {
    bench,
    box,
    site: answer.seen,
    async put(path, values) {
      const data = new Map(Object.entries(values).map(([key, value]) => [key, new Secret(value)]));
      return (await box.write({ path, data })).version;
    },
  };
}

/** A delivery `consumers/orders/<name>`. */
export function directory(
  name: string,
  spec: Pick<DirectorySpec, 'sources'> & Partial<DirectorySpec>,
  extra: Parameters<typeof resource>[2] = {},
): Resource<DirectorySpec> {
  return resource<DirectorySpec>(
    resourceId(targetId('site', 'site-a'), 'directory', 'orders', name),
    { consumer: 'orders', name, folder: `consumers/orders/${name}`, ...spec },
    extra,
  );
}
