import { Failure } from '../../model/failure.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { readFleet } from '../language.ts';
import { localSites } from '../local-sites.ts';
import { endKeeper, stopServers } from '../stop-fleet.ts';
import { table } from '../text.ts';

const options = { purge: { type: 'boolean' }, yes: { type: 'boolean' } } as const;

/** Stops every server of the fleet, whoever started it; with `--purge` deletes what the fleet made on this machine. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['FLEET?']);
  requireOutput(values.output);
  const read = await readFleet(invocation, positionals[0] ?? values.fleet, 'act');
  if (read.fleet === undefined) {
    terminal.err(read.render(read.diagnostics, terminal));
    throw new Failure({ code: 'fleet-has-errors', message: 'no fleet could be read; nothing was stopped' });
  }
  const { fleet } = read;
  const sites = await localSites(fleet);
  const purge = values.purge === true ? await import('../purge.ts') : undefined;
  const doomed = purge === undefined ? [] : await purge.whatWouldGo(fleet, sites);
  if (purge !== undefined && values.yes !== true && doomed.length > 0) {
    terminal.err(
      `This deletes, for good:\n${table(
        doomed.map(({ what, path }) => [what, path]),
        '  ',
      )}`,
    );
    if (!terminal.canAsk || !(await terminal.ask(`Delete everything of fleet ${fleet.name}?`))) {
      throw new Failure({
        code: 'not-confirmed',
        message: 'nothing was stopped or deleted',
        remedy: terminal.canAsk ? undefined : 'keywright down --purge --yes',
      });
    }
  }
  const keeper = await endKeeper(fleet.folder, terminal);
  const stopped = await stopServers(sites, terminal);
  const deleted = purge === undefined ? [] : await purge.purgeFleet(fleet, sites, terminal);
  const text = [
    keeper === undefined ? [] : [`ended process ${keeper}, which kept the fleet\n`],
    stopped.map((name) => `stopped ${name}\n`),
    deleted.map(({ what, path }) => `deleted ${what} ${path}\n`),
  ].flat();
  terminal.result({ keeper, stopped, deleted }, text.length === 0 ? 'nothing was running\n' : text.join(''));
  return 0;
}
