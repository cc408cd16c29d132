import type { ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { FieldChange } from '../../model/change.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import { formatMark } from '../process/mark.ts';
import { inBulk } from './bulk.ts';
import { diffMarked, isOursToRemove, liftStatements, type Marked, recordedFacts } from './marked.ts';
import { idsOf } from './role.ts';
import type { PgSession } from './session.ts';

/** What tells one kind of marked objects from another: databases and what lies in them, kept when they leave the fleet. */
interface MarkedKind<Spec, Seen extends Marked> {
  readonly kind: string;
  /** The name is empty for a database itself. */
  readonly see: (session: PgSession, database: string, name: string) => Promise<Seen | undefined>;
  readonly create: (spec: Spec) => readonly FieldChange[];
  readonly differences: (spec: Spec, seen: Seen) => readonly FieldChange[];
}

interface KindInDatabase<Spec, Seen extends Marked> extends MarkedKind<Spec, Seen> {
  /** As statements name it. */
  readonly what: (name: string) => string;
  /** Statements that make it, or mend what differs. */
  readonly ensure: (change: Ensured<Spec, Seen>, fleet: string) => readonly string[];
  /** Takes along what depends on it. */
  readonly cascade: boolean;
  /** When its transaction has ended well. */
  readonly afterwards?: (session: PgSession, resource: Resource<Spec>, fleet: string) => Promise<void>;
  /** Changes per transaction. */
  readonly size?: number;
}

export type Ensured<Spec, Seen> = ReadyChange<Spec, Seen> & { readonly resource: Resource<Spec> };

export function markedKind<Spec, Seen extends Marked>(
  { kind, see, create, differences }: MarkedKind<Spec, Seen>,
  apply: ResourceKind<PgSession, Spec, Seen>['apply'],
): ResourceKind<PgSession, Spec, Seen> {
  return {
    kind,
    targetKind: 'postgres',
    onRemoval: 'retain',
    ownership: 'marked',
    async observe(session, wanted, recorded) {
      const answers = new Map<ResourceId, Answer<Seen>>();
      for (const id of idsOf(wanted, recorded)) {
        const seen = await see(session, ...placeOf(id));
        answers.set(id, seen === undefined ? absent : present(seen));
      }
      return answers;
    },
    diff: (wanted, seen, recorded, context) =>
      diffMarked({ wanted, seen, recorded, context, onRemoval: 'retain', create, differences }),
    apply,
  };
}

/** A kind whose ids are `<database>/<name>`, and whose changes share transactions. */
export function markedInDatabase<Spec, Seen extends Marked>(
  kind: KindInDatabase<Spec, Seen>,
): ResourceKind<PgSession, Spec, Seen> {
  return markedKind(kind, (session, changes, io) =>
    inBulk({
      session,
      io,
      changes,
      size: kind.size,
      database: ({ change }) => placeOf(change.id)[0],
      prepare: (ready) => ({
        sql: isEnsured(ready) ? kind.ensure(ready, io.fleet) : leaving(kind, ready, io.fleet),
        finish: async () => {
          const { id } = ready.change;
          if (!isEnsured(ready)) {
            return { done: recordedFacts(ready.recorded) };
          }
          await kind.afterwards?.(session, ready.resource, io.fleet);
          return { done: { mark: formatMark({ fleet: io.fleet, id }) } };
        },
      }),
    }),
  );
}

function isEnsured<Spec, Seen>(ready: ReadyChange<Spec, Seen>): ready is Ensured<Spec, Seen> {
  return ready.resource !== undefined;
}

function leaving<Spec, Seen extends Marked>(
  { what, cascade }: KindInDatabase<Spec, Seen>,
  { change, seen, recorded }: ReadyChange<Spec, Seen>,
  fleet: string,
): string[] {
  const object = what(placeOf(change.id)[1]);
  return change.action === 'remove' && isOursToRemove(seen, recorded, fleet, change.id)
    ? [`DROP ${object}${cascade ? ' CASCADE' : ''}`]
    : liftStatements(object, seen, fleet, change.id);
}

function placeOf(id: ResourceId): [database: string, name: string] {
  const [database = '', name = ''] = parseResourceId(id).names;
  return [database, name];
}
