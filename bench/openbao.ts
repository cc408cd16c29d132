/**
 * Keywright on a real OpenBao beside the bare requests, and beside `bao` once per object:
 * `npm run bench -- openbao [SECRETS] [ROUNDS]`, by default 2,000 secrets, 300 policies and 300 roles. Every way runs as a
 * process of its own against the same server; rounds are interleaved, and a ratio is the median of its rounds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { startOpenBao } from '../test/support/openbao.ts';
import type { Counts } from './openbao/measured.ts';
import { Bench, byCommand } from './openbao/rounds.ts';
import type { Round, Tenfold } from './openbao/rounds.ts';

const [secrets = 2000, rounds = 5] = process.argv.slice(2).map(Number);
const counts: Counts = { secrets, policies: Math.round(secrets * 0.15), roles: Math.round(secrets * 0.15) };
const aims = { apply: 1.4, plan: 0.6, plainPlan: 1.3, requests: 320, megabytes: 150, tenfold: 11 };

const cleanUps: (() => Promise<void>)[] = [];
try {
  await measure();
} finally {
  for (const cleanUp of cleanUps.toReversed()) {
    await cleanUp();
  }
}

async function measure(): Promise<void> {
  const folder = await mkdtemp('/tmp/kw-bench-bao-');
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const bao = await startOpenBao({ after: (cleanUp) => void cleanUps.push(cleanUp) });
  const bench = new Bench(bao, folder);
  const all: Round[] = [];
  for (let at = 0; at < rounds; at++) {
    all.push(await bench.round(`r${at}`, counts));
    process.stderr.write(`round ${at + 1} of ${rounds}\n`);
  }
  const script = await bench.script(counts);
  const packaged = await bench.packaged(counts);
  const tenfold = await bench.tenfold({
    secrets: secrets * 10,
    policies: counts.policies * 10,
    roles: counts.roles * 10,
  });
  print(all, { script, packaged, tenfold });
}

interface Rest {
  /** Seconds. */
  readonly script: number;
  /** Megabytes. */
  readonly packaged: { readonly apply: number; readonly plan: number };
  readonly tenfold: Tenfold;
}

function print(all: readonly Round[], { script, packaged, tenfold }: Rest): void {
  const seconds = (way: keyof Round): number => median(all.map((round) => round[way].seconds));
  const ratio = (field: 'seconds' | 'cpu', way: keyof Round, floor: keyof Round): string =>
    median(all.map((round) => round[way][field] / round[floor][field])).toFixed(2);
  const most = (way: keyof Round, field: 'requests' | 'megabytes' | 'writes'): number =>
    Math.max(...all.map((round) => round[way][field]));
  const lines = [
    ['', 'seconds', 'ratio', 'aim', 'CPU', 'requests', 'writes', 'MB'],
    ...(
      [
        ['bare writes', 'write', 'write'],
        ['first apply, own mount', 'apply', 'write', aims.apply],
        ['first apply, shared mount', 'applyShared', 'write'],
        ['bare reads', 'read', 'read'],
        ['plan, own mount', 'plan', 'read', aims.plan],
        ['plan, shared mount', 'planShared', 'read', aims.plan],
        ['plan by the plain API', 'planPlain', 'read', aims.plainPlan],
      ] as const
    ).map(([title, way, floor, aim]) => [
      title,
      seconds(way).toFixed(2),
      ratio('seconds', way, floor),
      aim === undefined ? '' : `<= ${aim}`,
      ratio('cpu', way, floor),
      String(most(way, 'requests')),
      String(most(way, 'writes')),
      most(way, 'megabytes').toFixed(0),
    ]),
  ];
  const { secrets: some, policies, roles } = counts;
  console.log(`${some} secrets, ${policies} policies, ${roles} roles; medians of ${rounds} rounds\n`);
  console.log(lines.map(row).join('\n'));
  console.log('\nCPU is the ratio of processor time, the server included: on a busy machine look at that one');
  console.log(`
a script with bao, reckoned from ${byCommand} of each: ${script.toFixed(0)} s, ${(script / seconds('write')).toFixed(0)} times the bare writes
ten times the objects take ${tenTimes('apply')} times as long to apply (the bare writes ${tenTimes('write')}), ${tenTimes('plan')} to plan, ${tenTimes('planPlain')} by the plain API (aim <= ${aims.tenfold})
the packaged program needs ${packaged.apply.toFixed(0)} MB to apply as many secrets, ${packaged.plan.toFixed(0)} MB to plan (aim <= ${aims.megabytes}); above, type stripping is in it
plan: ${all[0]?.plan.outcome}, ${all[0]?.planPlain.outcome}; aims: at most ${aims.requests} requests and no write`);

  function tenTimes(way: keyof Tenfold): string {
    const byCpu = tenfold[way].cpu / median(all.map((round) => round[way].cpu));
    return `${(tenfold[way].seconds / seconds(way)).toFixed(1)} (CPU ${byCpu.toFixed(1)})`;
  }
}

function row([title = '', ...cells]: readonly string[]): string {
  return `${title.padEnd(28)}${cells.map((cell) => cell.padStart(9)).join('')}`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
