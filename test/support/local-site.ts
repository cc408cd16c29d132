import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { ResourceId } from '../../src/model/ids.ts';
import { type LocalSite, localSite } from '../../src/targets/process/local-site.ts';
import { processKind } from '../../src/targets/process/process.ts';
import type { ProcessSpec } from '../../src/targets/process/process.spec.ts';
import { purgeServers } from '../../src/targets/process/servers.ts';
import { KindBench, resource } from './kinds.ts';
import type { CleanUp } from './postgres.ts';

export interface SiteBench {
  readonly bench: KindBench;
  readonly site: LocalSite;
}

/** A fleet in a folder of its own with one local site; its servers are purged with the test. */
export async function siteBench(t: CleanUp, fleet = 'test'): Promise<SiteBench> {
  const folder = await mkdtemp('/tmp/kwt-fleet-');
  await chmod(folder, 0o755);
  const bench = new KindBench(fleet, folder);
  const answer = await bench.connect(localSite, 'site-a', { name: 'site-a', directory: '.keywright/site-a' });
  if (answer.state !== 'present') {
    throw new Error(`site-a is ${answer.state}`);
  }
  const site = answer.seen;
  t.after(async () => {
    await purgeServers(site);
    await rm(folder, { recursive: true, force: true });
  });
  return { bench, site };
}

export function processId(name: string): ResourceId {
  return resourceId(targetId('site', 'site-a'), 'process', name);
}

/** A `process` resource that does not wait for disks. */
export function processResource(
  name: string,
  spec: Partial<ProcessSpec> = {},
): ReturnType<typeof resource<ProcessSpec>> {
  const { startSettings, ...rest } = spec;
  return resource<ProcessSpec>(processId(name), {
    postgres: name,
    version: 18,
    host: `${name}.site-a.localhost`,
    startSettings: { fsync: 'off', full_page_writes: 'off', ...startSettings },
    ...rest,
  });
}

export { processKind };
