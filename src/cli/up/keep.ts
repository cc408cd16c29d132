import { setTimeout as delay } from 'node:timers/promises';
import { planFleet } from '../../engine/fleet-plan.ts';
import { Failure, causeOf } from '../../model/failure.ts';
import type { Evidence } from '../../model/claim.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { LocalSite } from '../../targets/process/local-site.ts';
import { applyWithReport } from '../apply-run.ts';
import { systemEnvironment } from '../environment.ts';
import { leaveEvidence } from '../evidence-file.ts';
import { serversOf } from '../local-sites.ts';
import type { OpenRun } from '../open-run.ts';
import { claimsTouched, prove } from '../prove.ts';
import { evidenceText } from '../render/evidence.ts';
import { shortName } from '../render/plan.ts';
import type { Terminal } from '../terminal.ts';
import { dueDates, keptResources, withDependents } from './due.ts';

export interface Keeping {
  /** Reads the fleet anew for each look. */
  readonly open: () => Promise<OpenRun>;
  readonly sites: readonly LocalSite[];
  readonly terminal: Terminal;
  readonly stop: AbortSignal;
}

/** How often it is looked whether the servers run. */
const lookMilliseconds = 2_000;
/** At least this often, and at most that often, everything that is kept is looked at. */
const longestPause = 60_000;
const shortestPause = 5_000;

/**
 * Keeps a fleet until `stop`: renews and replaces leases and certificates that are due, removes leases that have ended,
 * starts a crashed server again, and measures again what rests on what was changed. Nothing else is mended: a change by
 * hand is shown by `plan` and mended by `apply`.
 */
export async function keep(keeping: Keeping): Promise<void> {
  let running = await runningNames(keeping.sites);
  let nextLook = performance.now();
  let lastTrouble = '';
  while (!keeping.stop.aborted) {
    const now = await runningNames(keeping.sites);
    const crashed = [...running].filter((name) => !now.has(name));
    if (crashed.length > 0 || performance.now() >= nextLook) {
      let pause = longestPause;
      try {
        pause = await look(keeping);
        lastTrouble = '';
      } catch (error) {
        pause = 10_000;
        const trouble = causeOf(error);
        const isBusy = error instanceof Failure && error.code === 'fleet-locked';
        if (trouble !== lastTrouble && !isBusy && !keeping.stop.aborted) {
          tell(keeping.terminal, trouble);
          lastTrouble = trouble;
        }
      }
      running = new Set([...running, ...(await runningNames(keeping.sites))]);
      // A server that does not start again is tried again, but not at every look.
      nextLook = performance.now() + pause;
      if (crashed.length > 0) {
        running = await runningNames(keeping.sites);
      }
    }
    await delay(lookMilliseconds, undefined, { signal: keeping.stop }).catch(() => undefined);
  }
}

/** One look at everything that is kept. Milliseconds until the next one. */
async function look(keeping: Keeping): Promise<number> {
  const { terminal, stop } = keeping;
  const opened = await keeping.open();
  const { run, compiled } = opened;
  try {
    await run.openHome({ create: false });
    const isMade = (id: ResourceId): boolean => run.inventory.get(id)?.state === 'present';
    const { plan } = await planFleet(run, { only: keptResources(compiled, isMade) });
    const changed = plan.changes.filter(({ change }) => !['operation', 'refused'].includes(change.action));
    if (changed.length > 0 && !stop.aborted) {
      for (const { id, change } of changed.filter((each) => each.change.reason !== undefined)) {
        tell(terminal, `${shortName(id)}: ${change.reason}`);
      }
      const only = withDependents(
        compiled,
        changed.map(({ id }) => id),
        isMade,
      );
      const { result, reporter } = await applyWithReport(run, terminal, {
        command: 'up',
        only,
        partial: true,
        quiet: true,
        stop,
      });
      if (result !== undefined) {
        for (const { id, change, note } of result.done) {
          const what = change.action === 'create' ? 'made' : 'mended';
          tell(terminal, `${shortName(id)} ${what}${note === undefined ? '' : `: ${note}`}`);
        }
        terminal.err(reporter.failures(result));
        const claims = claimsTouched(compiled.claims, result);
        const measured = await prove(run, claims, terminal);
        await takeEvidence(terminal, opened, measured);
      }
    }
    const next = dueDates(compiled, run.outputs)[0];
    const until = next === undefined ? longestPause : next.at.getTime() - systemEnvironment.now().getTime();
    return Math.min(longestPause, Math.max(shortestPause, until));
  } finally {
    terminal.progress(undefined);
    await run.close();
  }
}

async function takeEvidence(terminal: Terminal, opened: OpenRun, measured: readonly Evidence[]): Promise<void> {
  const worse = measured.filter((each) => each.verdict !== 'held');
  if (measured.length > 0) {
    await leaveEvidence(opened, measured, terminal);
    tell(terminal, `${measured.length - worse.length} of ${measured.length} claims on it held`);
    terminal.out(evidenceText(terminal, worse));
  }
}

async function runningNames(sites: readonly LocalSite[]): Promise<Set<string>> {
  const servers = await serversOf(sites);
  return new Set(servers.flatMap(({ folder, pid }) => (pid === undefined ? [] : [folder])));
}

/** A line with the time of day: nobody waits for it, so it says when it happened. */
function tell(terminal: Terminal, text: string): void {
  const time = systemEnvironment.now().toTimeString().slice(0, 8);
  if (terminal.json) {
    terminal.outJson({ type: 'kept', at: systemEnvironment.now().toISOString(), text });
  } else {
    terminal.out(`${time}  ${text.split('\n').join('\n          ')}\n`);
  }
}
