import type { Change, ChangeAction, FieldChange } from '../../model/change.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { FleetPlan } from '../../engine/fleet-plan.ts';
import type { PlannedChange } from '../../engine/plan.ts';
import type { Style, Terminal } from '../terminal.ts';
import { spread, took, wrap } from '../text.ts';

interface Sign {
  readonly sign: string;
  readonly style: Style;
}

const signs: Readonly<Record<Exclude<ChangeAction, 'none'>, Sign>> = {
  create: { sign: '+', style: 'green' },
  update: { sign: '~', style: 'yellow' },
  adopt: { sign: '>', style: 'yellow' },
  remove: { sign: '-', style: 'red' },
  retain: { sign: '.', style: 'dim' },
  operation: { sign: '!', style: 'magenta' },
  mayChange: { sign: '?', style: 'dim' },
  refused: { sign: 'x', style: 'red' },
};

const nameWidth = 34;

/** `role orders_app_b`: kind and names of an id, without its target. */
export function shortName(id: ResourceId): string {
  const { kind, names } = parseResourceId(id);
  return [kind, ...names].join(' ');
}

/** The changes of a plan under their targets, for a person. */
export function planText(terminal: Terminal, { plan, observation }: FleetPlan): string {
  const lines: string[] = [];
  const byTarget = Map.groupBy(plan.changes, ({ target }) => target);
  for (const [target, changes] of [...byTarget].sort(([left], [right]) => (left < right ? -1 : 1))) {
    const shared = sharedReason(changes);
    lines.push(shared === undefined ? target : `${target}  ${terminal.style('dim', shared)}`);
    const isSaid = ({ change }: PlannedChange): boolean =>
      change.action === 'mayChange' && shared !== undefined && change.reason === shared;
    const may = changes.filter(isSaid).length;
    lines.push(...(may === 0 ? [] : [`  ${terminal.style('dim', '?')} ${may} that are looked at again then`]));
    lines.push(
      ...changes
        .filter((planned) => !isSaid(planned))
        .flatMap((planned) => changeLines(terminal, withoutReason(planned, shared))),
    );
  }
  for (const { target, failure } of observation.problems) {
    const unasked = plan.unasked.filter((each) => each.target === target).length;
    lines.push(`${target}  ${terminal.style('red', 'could not be asked')}`);
    const message = failure.message.replace(`${target} could not be asked: `, '');
    const remedy = failure.details.remedy ?? '';
    lines.push(
      ...[message, remedy].flatMap((text) => (text === '' ? [] : wrap(text, 76).map((line) => `    ${line}`))),
    );
    if (unasked > 0) {
      lines.push(`    ${unasked} not judged`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** What holds for several changes of a target is said once, beside its name. */
function sharedReason(changes: readonly PlannedChange[]): string | undefined {
  const isVague = (action: ChangeAction): boolean => action === 'create' || action === 'mayChange';
  const reasons = changes.flatMap(({ change }) => (isVague(change.action) ? (change.reason ?? []) : []));
  return reasons.find((reason, index) => reason.length < 60 && reasons.indexOf(reason) < index);
}

function withoutReason(planned: PlannedChange, reason: string | undefined): PlannedChange {
  return planned.change.reason === reason && reason !== undefined
    ? { ...planned, change: { ...planned.change, reason: undefined } }
    : planned;
}

/** `1 to create, 2 to change, 1 to remove, 59 unchanged`. */
export function planSummary({ plan }: FleetPlan): string {
  const counts = countActions(plan.changes);
  const again = plan.changes.filter(({ lost }) => lost === true).length;
  const parts = [
    part(counts.create - again, 'to create'),
    part(again, 'to make again'),
    part(counts.update + counts.adopt, 'to change'),
    part(counts.mayChange, 'may change'),
    part(counts.remove, 'to remove'),
    part(counts.retain, 'to keep and let go'),
    part(counts.operation, 'left to an operation'),
    part(counts.refused, 'refused'),
    part(plan.unasked.length, 'not judged'),
  ].filter((each) => each !== undefined);
  return [...parts, `${plan.unchanged} unchanged`].join(', ');
}

export type ActionCounts = Readonly<Record<Exclude<ChangeAction, 'none'>, number>>;

function countActions(changes: readonly PlannedChange[]): ActionCounts {
  const counts = { create: 0, update: 0, adopt: 0, remove: 0, retain: 0, operation: 0, mayChange: 0, refused: 0 };
  for (const { change } of changes) {
    if (change.action !== 'none') {
      counts[change.action] += 1;
    }
  }
  return counts;
}

/** Lines of one change: sign, name, what differs. */
export function changeLines(terminal: Terminal, planned: Pick<PlannedChange, 'id' | 'change' | 'lost'>): string[] {
  const { id, change, lost } = planned;
  if (change.action === 'none') {
    return [];
  }
  const { sign, style } = signs[change.action];
  const name = shortName(id);
  const notes = [...(lost === true ? ['it was there and is gone'] : []), ...notesOf(change)];
  const head = `  ${terminal.style(style, sign)} `;
  const [first = '', ...rest] = notes;
  const lines: string[] = [];
  if (notes.length > 0 && name.length <= nameWidth && first.length <= 76 - nameWidth) {
    lines.push(`${head}${name.padEnd(nameWidth)} ${first}`.trimEnd());
  } else {
    lines.push(`${head}${name}`, ...(first === '' ? [] : wrap(first, 73).map((line) => `      ${line}`)));
  }
  return [...lines, ...rest.flatMap((note) => wrap(note, 73).map((line) => `      ${line}`))];
}

function notesOf(change: Change): string[] {
  const each = change.fields.map(fieldText);
  const joined = each.join(', ');
  const fields = each.length > 1 && joined.length <= 73 ? [joined] : each;
  const reason = change.reason === undefined ? [] : [change.reason];
  const needs = change.needs === undefined ? [] : [`needs: ${change.needs}`];
  const remedy = change.refusal?.remedy ? [change.refusal.remedy] : [];
  return change.action === 'operation' ? [...needs, ...reason, ...fields] : [...fields, ...reason, ...remedy];
}

function fieldText({ field, before, after, note }: FieldChange): string {
  const change =
    before !== undefined && after !== undefined
      ? `${before} → ${after}`
      : before !== undefined
        ? `no longer ${before}`
        : (after ?? '');
  return [field, change, note === undefined ? '' : change === '' ? note : `(${note})`]
    .filter((each) => each !== '')
    .join(' ');
}

/** A plan for a program. No value stands in it. */
export function planJson(fleetPlan: FleetPlan): unknown {
  const { plan, observation } = fleetPlan;
  return {
    fleet: plan.fleet,
    asOf: plan.asOf.toISOString(),
    digest: plan.digest,
    summary: { ...countActions(plan.changes), unchanged: plan.unchanged, notJudged: plan.unasked.length },
    changes: plan.changes.map(({ change, after, resource }) => ({ ...change, after, document: resource?.document })),
    notJudged: plan.unasked,
    problems: observation.problems.map(({ target, kind, failure }) => ({
      target,
      kind,
      code: failure.code,
      message: failure.message,
      remedy: failure.details.remedy,
    })),
  };
}

function part(number: number, text: string): string | undefined {
  return number === 0 ? undefined : `${number} ${text}`;
}

/** The last line of `plan`: the counts, and how long the looking took. */
export function summaryLine(fleetPlan: FleetPlan, milliseconds: number): string {
  return `${spread(planSummary(fleetPlan), took(milliseconds))}\n`;
}
