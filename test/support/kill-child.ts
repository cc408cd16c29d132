/** A process that applies things as files, slowly; killed by the test at any moment. Arguments: folder, file list. */
import { existsSync, readFileSync, writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { applyFleet } from '../../src/engine/fleet-apply.ts';
import type { AnyResourceKind } from '../../src/engine/interfaces.ts';
import { absent, present } from '../../src/model/answer.ts';
import { digestOf } from '../../src/model/digest.ts';
import { parseResourceId } from '../../src/model/ids.ts';
import type { ResourceId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import { TestFleet } from './engine-run.ts';
import { thing } from './test-kinds.ts';

/** Twenty things in four layers, with outputs between the layers. */
export function layers(): Resource[] {
  const all: Resource[] = [];
  for (let layer = 0; layer < 4; layer += 1) {
    for (let index = 0; index < 5; index += 1) {
      const below = all[(layer - 1) * 5 + index];
      const spec = below === undefined ? {} : { below: { from: below.id, output: 'version' } };
      all.push(thing(layer % 2 === 0 ? 'a' : 'b', `t${layer}${index}`, spec));
    }
  }
  return all;
}

/** Things as files in a folder: one write is one rename. */
export function fileKind(folder: string, pause: number): AnyResourceKind {
  const path = (id: ResourceId): string => join(folder, encodeURIComponent(parseResourceId(id).names.join('/')));
  const outputsOf = (spec: unknown) => ({ version: digestOf(spec).slice(0, 8) });
  return {
    kind: 'thing',
    targetKind: 'site',
    onRemoval: 'remove',
    ownership: 'file',
    async observe(_session, wanted, recorded) {
      const ids = new Set([...wanted, ...recorded].map(({ id }) => id));
      return new Map(
        [...ids].map((id) => [id, existsSync(path(id)) ? present(readFileSync(path(id), 'utf8')) : absent]),
      );
    },
    diff: (wanted, seen) => {
      const action = seen === undefined ? 'create' : seen === digestOf(wanted?.spec) ? 'none' : 'update';
      return { id: wanted?.id as ResourceId, action, fields: [] };
    },
    outputs: (resource) => outputsOf(resource.spec),
    async *apply(_session, changes, io) {
      for (const { change, resource } of changes) {
        await delay(Math.random() * pause);
        io.guard();
        const temporary = `${path(change.id)}.new`;
        writeFileSync(temporary, digestOf(resource?.spec));
        renameSync(temporary, path(change.id));
        yield { id: change.id, outcome: 'done', record: { outputs: outputsOf(resource?.spec) } };
      }
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder = '', things = ''] = process.argv;
  const fleet = new TestFleet(folder);
  fleet.kinds = [fileKind(things, 8)];
  const run = fleet.run(layers());
  const { result } = await applyFleet(run, { command: 'apply' });
  await run.close();
  process.exitCode = result === undefined || result.failed.length === 0 ? 0 : 1;
}
