/**
 * A process that applies a fleet of stores and is killed at a certain moment of a move. Arguments: folder, a JSON file
 * with the documents, and `copied` (written, not recorded yet) or `removing` (recorded, the old one still there).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { applyFleet } from '../../src/engine/fleet-apply.ts';
import type { FleetApplyResult } from '../../src/engine/fleet-apply.ts';
import type { AnyResourceKind } from '../../src/engine/interfaces.ts';
import { Run } from '../../src/engine/run.ts';
import { secretKind } from '../../src/targets/store/secret.ts';
import { storeTarget } from '../../src/targets/store/target.ts';
import { compileDocuments } from './compiled.ts';
import { testEnvironment } from './engine-run.ts';

/** Applies documents about stores and secrets alone, as one run of a command would. */
export async function applySecrets(
  folder: string,
  documents: readonly string[],
  kind: AnyResourceKind = secretKind,
  env: (name: string) => string | undefined = () => undefined,
): Promise<FleetApplyResult> {
  const compiled = compileDocuments(...documents);
  const run = new Run({
    compiled,
    registry: { targets: [storeTarget], kinds: [kind] },
    folder,
    environment: testEnvironment,
    env,
  });
  try {
    return await applyFleet(run, { command: 'apply', allowRemovals: 99, lockWaitMilliseconds: 10_000 });
  } finally {
    await run.close();
  }
}

/** The kind of secrets, with a death at a certain moment. */
function dying(moment: string): AnyResourceKind {
  return {
    ...secretKind,
    async *apply(session, changes, io) {
      if (moment === 'removing' && changes.some(({ resource }) => resource === undefined)) {
        process.kill(process.pid, 'SIGKILL');
      }
      for await (const applied of secretKind.apply(session, changes, io)) {
        if (moment === 'copied' && changes.some(({ movesFrom }) => movesFrom !== undefined)) {
          process.kill(process.pid, 'SIGKILL');
        }
        yield applied;
      }
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , folder = '', documents = '', moment = ''] = process.argv;
  await applySecrets(folder, JSON.parse(readFileSync(documents, 'utf8')) as string[], dying(moment));
}
