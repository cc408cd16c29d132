/**
 * Roles with passwords on a real server: making, planning and removing them, `node bench/roles.ts [ROLES] [RUNS]`. Each
 * run is a server and a store of its own. Prints medians in milliseconds, one JSON object. The store's writes and
 * starting the server are not in them.
 */
import { randomBytes } from 'node:crypto';
import type { Resource } from '../src/model/resource.ts';
import { Secret } from '../src/model/secret.ts';
import type { RoleSpec } from '../src/targets/postgres/postgres.spec.ts';
import { roleKind } from '../src/targets/postgres/role.ts';
import { resource } from '../test/support/kinds.ts';
import { pgId, postgresBench } from '../test/support/postgres-bench.ts';

const [count = 1000, runs = 5] = process.argv.slice(2).map(Number);

interface Times {
  readonly make: number;
  readonly plan: number;
  readonly remove: number;
}

async function measure(): Promise<Times> {
  const cleanUps: (() => Promise<void>)[] = [];
  try {
    const { bench, session, store } = await postgresBench({ after: (cleanUp) => cleanUps.push(cleanUp) });
    const names = Array.from({ length: count }, (_, index) => `login_${index}`);
    const written = await store.writeMany(
      names.map((name) => ({
        path: `logins/${name}`,
        data: new Map([['password', new Secret(randomBytes(16).toString('hex'))]]),
      })),
    );
    const wanted = names.map((name): Resource<RoleSpec> => {
      const path = `logins/${name}`;
      const { version } = written.get(path) as { version: string };
      const password = { store: 'box', path, key: 'password', version };
      return resource(pgId('role', name), { name, login: true, password });
    });
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      session.forget();
      const begun = performance.now();
      await work();
      return performance.now() - begun;
    };
    const make = await timed(() => bench.mustApply(roleKind, session, wanted));
    const plan = await timed(() => bench.plan(roleKind, session, wanted));
    const remove = await timed(() => bench.mustApply(roleKind, session, []));
    return { make, plan, remove };
  } finally {
    for (const cleanUp of cleanUps.toReversed()) {
      await cleanUp();
    }
  }
}

function median(values: readonly number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0);
}

const times: Times[] = [];
for (let run = 0; run < runs; run++) {
  times.push(await measure());
}
console.log(
  JSON.stringify({
    roles: count,
    runs,
    make: median(times.map(({ make }) => make)),
    plan: median(times.map(({ plan }) => plan)),
    remove: median(times.map(({ remove }) => remove)),
  }),
);
