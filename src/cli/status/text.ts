import type { Terminal } from '../terminal.ts';
import { table, whenFrom, wrap } from '../text.ts';
import type { FleetStatus } from './gather.ts';

/** Of many entries that moved, say. */
const shownKept = 20;

/** The status for a person, soonest first, with what needs attention said in words. */
export function statusText(terminal: Terminal, status: FleetStatus, now: Date): string {
  const when = (instant: string): string => whenFrom(now, new Date(instant));
  const sections = [
    section('servers', serverRows(status)),
    section(
      'expires',
      status.expiries.map(({ id, due, expires }) => [
        id,
        Date.parse(expires) <= now.getTime() ? 'EXPIRED' : when(expires),
        due === undefined ? '' : `(due ${when(due)})`,
      ]),
    ),
    section(
      'rotation due',
      status.rotations.map(({ what, due }) => [
        what,
        Date.parse(due) <= now.getTime() ? `OVERDUE, ${when(due)}` : when(due),
      ]),
    ),
    status.unasked.length === 0 ? '' : '\ncould not be asked\n',
    ...status.unasked.flatMap(({ store, why }) => wrap(`${store}: ${why}`, 78).map((line) => `  ${line}\n`)),
    section(
      'allowed',
      status.allowances.map(({ document, rule, reason, until }) => [
        document,
        rule,
        `${reason}${until === undefined ? '' : ` (until ${until})`}`,
      ]),
    ),
    section(
      'kept, no longer in the fleet',
      status.retained.slice(0, shownKept).map(({ id }) => [id]),
    ),
    status.retained.length <= shownKept
      ? ''
      : `  and ${status.retained.length - shownKept} more: keywright status --output json\n`,
    status.retained.length === 0 ? '' : '  delete one with its data: keywright delete ID --yes-delete-data\n',
  ];
  return `fleet ${status.fleet}\n${sections.join('')}\n${keeperLine(terminal, status, when)}${provenLine(status, when)}`;
}

function serverRows(status: FleetStatus): string[][] {
  const words = { running: 'running', stopped: 'stopped', notMade: 'not made yet' };
  return status.servers.map(({ name, state, health, address, pid, leftFleet }) => [
    name,
    // Whom it follows is the one that says active.
    health?.replace(/^standby of .*$/, 'standby') ?? words[state],
    address ?? '',
    pid === undefined ? '' : `pid ${pid}`,
    leftFleet === true ? 'no longer in the fleet' : '',
  ]);
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : `\n${title}\n${table(rows, '  ')}`;
}

function keeperLine(
  terminal: Terminal,
  { keeper, needsKeeper, lock }: FleetStatus,
  when: (at: string) => string,
): string {
  const busy =
    lock === undefined ? '' : `\`keywright ${lock.command}\` is at work: process ${lock.pid} on ${lock.host}\n`;
  if (keeper !== undefined) {
    return `${busy}kept by process ${keeper.pid}, since ${when(keeper.since)}\n`;
  }
  const nobody = needsKeeper
    ? `${terminal.style('yellow', 'nobody keeps it')}: what expires is not renewed; keywright up does that\n`
    : 'nobody keeps it, and nothing in it ends by itself\n';
  return `${busy}${nobody}`;
}

/** How long it may take to measure every claim of a fleet, in milliseconds. */
const oneProof = 120_000;

function provenLine({ proven }: FleetStatus, when: (at: string) => string): string {
  if (proven === undefined) {
    return 'never proven: keywright verify\n';
  }
  const isOfOneTime = Date.parse(proven.latest) - Date.parse(proven.at) < oneProof;
  const inPart = isOfOneTime ? '' : `, in part ${when(proven.latest)}`;
  return `proven ${when(proven.at)}${inPart}: ${proven.held} held, ${proven.broken} broken, ${proven.unknown} unknown\n`;
}
