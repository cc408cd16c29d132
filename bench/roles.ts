/**
 * Roles with a password and three grants each on a real server, beside psql with one statement per line on the same
 * server: `node bench/roles.ts [ROLES] [RUNS]`. Rounds are interleaved, so that a busy machine burdens both alike; a
 * ratio is the median of its rounds. The store's writes and starting the server are not in them. Without psql on the
 * PATH only Keywright is measured.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Resource } from '../src/model/resource.ts';
import { Secret } from '../src/model/secret.ts';
import { membershipKind } from '../src/targets/postgres/membership.ts';
import type { MembershipSpec, RoleSpec } from '../src/targets/postgres/postgres.spec.ts';
import { roleKind } from '../src/targets/postgres/role.ts';
import { scramVerifier } from '../src/targets/postgres/scram.ts';
import { resource } from '../test/support/kinds.ts';
import { pgId, postgresBench, type PostgresBench } from '../test/support/postgres-bench.ts';

const [count = 1000, runs = 5] = process.argv.slice(2).map(Number);
const groups = ['shop_owner', 'shop_read_write', 'shop_read_only'];
const aims = { make: 0.6, plan: 0.05 };

interface Round {
  readonly make: number;
  readonly plan: number;
  readonly remove: number;
  readonly psql?: number;
  /** Deriving the verifiers that psql is given: whoever writes such a script has to do that too. */
  readonly verifiers?: number;
}

function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version']);
    return true;
  } catch {
    return false;
  }
}

async function timed(work: () => unknown): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function psql({ server }: PostgresBench, statements: readonly string[]): void {
  const { status, stderr, error } = spawnSync(
    'psql',
    ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', server.socketDirectory, '-p', String(server.port), '-U', 'postgres'],
    {
      input: statements.map((statement) => `${statement};\n`).join(''),
      encoding: 'utf8',
    },
  );
  if (status !== 0) {
    throw new Error(`psql ended with ${status}: ${error?.message ?? stderr}`);
  }
}

async function peer(all: PostgresBench): Promise<Required<Pick<Round, 'psql' | 'verifiers'>>> {
  const names = Array.from({ length: count }, (_, index) => `peer_${index}`);
  const statements: string[] = [];
  let verifiers: string[] = [];
  const derived = await timed(async () => {
    const passwords = names.map(() => new Secret(randomBytes(16).toString('hex')));
    verifiers = await Promise.all(passwords.map(async (password) => scramVerifier(password, randomBytes)));
  });
  for (const [index, name] of names.entries()) {
    const verifier = verifiers[index];
    statements.push(`CREATE ROLE ${name} LOGIN PASSWORD '${verifier}'`);
    statements.push(...groups.map((group) => `GRANT ${group} TO ${name}`));
  }
  const time = await timed(() => psql(all, statements));
  psql(
    all,
    names.map((name) => `DROP ROLE ${name}`),
  );
  return { psql: time, verifiers: derived };
}

/** The roles as the fleet language makes them: logins that are members of groups. */
async function own({ bench, session, store }: PostgresBench): Promise<Omit<Round, 'psql'>> {
  const names = Array.from({ length: count }, (_, index) => `login_${index}`);
  const written = await store.writeMany(
    names.map((name) => ({
      path: `logins/${name}`,
      data: new Map([['password', new Secret(randomBytes(16).toString('hex'))]]),
    })),
  );
  const group = groups.map((name): Resource<RoleSpec> => resource(pgId('role', name), { name, login: false }));
  const logins = names.map((name): Resource<RoleSpec> => {
    const path = `logins/${name}`;
    const { version } = written.get(path) as { version: string };
    return resource(pgId('role', name), {
      name,
      login: true,
      password: { store: 'box', path, key: 'password', version },
    });
  });
  const roles = [...group, ...logins];
  const memberships = names.flatMap((member) =>
    groups.map((role): Resource<MembershipSpec> =>
      resource(pgId('membership', role, member), { role, member, inherit: true, set: true }),
    ),
  );
  await bench.mustApply(roleKind, session, group);
  const fresh = (work: () => Promise<unknown>): Promise<number> => {
    session.forget();
    return timed(work);
  };
  const make = await fresh(async () => {
    await bench.mustApply(roleKind, session, roles);
    await bench.mustApply(membershipKind, session, memberships);
  });
  const plan = await fresh(async () => {
    const changes = [
      ...(await bench.plan(roleKind, session, roles)),
      ...(await bench.plan(membershipKind, session, memberships)),
    ];
    if (changes.some(({ action }) => action !== 'none')) {
      throw new Error('a plan after an apply still finds something to change');
    }
  });
  const remove = await fresh(async () => {
    await bench.mustApply(membershipKind, session, []);
    await bench.mustApply(roleKind, session, group);
  });
  return { make, plan, remove };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const cleanUps: (() => Promise<void>)[] = [];
try {
  const all = await postgresBench(
    { after: (cleanUp) => cleanUps.push(cleanUp) },
    { settings: { fsync: true, synchronous_commit: true, full_page_writes: true } },
  );
  const withPeer = hasPsql();
  const rounds: Round[] = [];
  for (let run = 0; run < runs; run++) {
    const ours = await own(all);
    rounds.push({ ...ours, ...(withPeer ? await peer(all) : {}) });
  }
  const milliseconds = (of: (round: Round) => number | undefined): number =>
    Math.round(median(rounds.map((round) => of(round) ?? Number.NaN)));
  console.log(`${count} roles with a password and 3 grants each, ${runs} rounds, medians`);
  console.log(`make   ${milliseconds(({ make }) => make)} ms`);
  console.log(`plan   ${milliseconds(({ plan }) => plan)} ms`);
  console.log(`remove ${milliseconds(({ remove }) => remove)} ms`);
  if (withPeer) {
    console.log(`psql   ${milliseconds((round) => round.psql)} ms to make them, one statement per line`);
    for (const part of ['make', 'plan'] as const) {
      const ratio = median(rounds.map((round) => round[part] / (round.psql ?? Number.NaN)));
      const verdict = ratio <= aims[part] ? 'aim' : 'MISSED: aim';
      console.log(`${part.padEnd(6)} ${ratio.toFixed(3)} × psql (${verdict} ≤ ${aims[part]})`);
    }
    const whole = median(rounds.map(({ make, psql: time = 0, verifiers = 0 }) => make / (time + verifiers)));
    console.log(`make   ${whole.toFixed(3)} × psql and deriving the verifiers that it is given`);
  } else {
    console.log('psql is not on the PATH: there is nothing to compare with');
  }
} finally {
  for (const cleanUp of cleanUps.toReversed()) {
    await cleanUp();
  }
}
