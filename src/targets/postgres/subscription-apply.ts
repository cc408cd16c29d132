import { setTimeout as delay } from 'node:timers/promises';
import type { ApplyContext, ReadyChange } from '../../engine/interfaces.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import { formatMark } from '../process/mark.ts';
import type { Outcome } from './bulk.ts';
import { isMarked, liftStatements, markStatements } from './marked.ts';
import type { SubscriptionSpec } from './postgres.spec.ts';
import { askPublisher, connectionString, makeSlot, type PublisherAddress, type PublisherSeen } from './publisher.ts';
import type { PgSession } from './session.ts';
import { ident, literal } from './sql.ts';
import { addressOf, placeOf, type SubscriptionSeen } from './subscription-observe.ts';

/** One change of a subscription. Nothing of it can run in a transaction, so each step leaves a state that `diff` mends. */
export async function applySubscription(
  session: PgSession,
  { change, resource, seen }: ReadyChange<SubscriptionSpec, SubscriptionSeen>,
  io: ApplyContext,
): Promise<Outcome> {
  const { id } = change;
  const { database, name } = placeOf(id);
  const what = `SUBSCRIPTION ${ident(name)}`;
  if (change.action === 'remove') {
    return { done: undefined, note: await remove(session, id, seen) };
  }
  if (resource === undefined || change.action === 'retain') {
    await session.execute(database, ...liftStatements(what, seen, io.fleet, id));
    return { done: {} };
  }
  const { spec } = resource;
  const address = addressOf(spec);
  if (address === undefined) {
    throw new RangeError(`${id}: where the publisher is must be known by now`);
  }
  const { slot } = await checkPublisher(id, spec, address, seen === undefined);
  io.guard();
  if (seen === undefined) {
    await create(session, what, spec, address);
  }
  // A marked one that has lost its slot has lost changes with it: a new slot would hide that.
  if (slot === undefined && !isMarked(seen?.comment, io.fleet, id)) {
    io.guard();
    await makeSlot(address, spec.name);
  }
  if (seen === undefined) {
    await session.execute(
      database,
      `ALTER ${what} ENABLE`,
      `ALTER ${what} REFRESH PUBLICATION WITH (copy_data = ${spec.copy})`,
    );
  } else {
    await session.execute(database, ...mending(what, spec, address, seen));
  }
  await session.execute(database, ...markStatements(what, seen, io.fleet, id));
  return { done: { mark: formatMark({ fleet: io.fleet, id }) } };
}

/**
 * Disabled until it belongs to its owner: its worker must never run as superuser. Not connected: its slot is made
 * outside of this transaction.
 */
async function create(
  session: PgSession,
  what: string,
  spec: SubscriptionSpec,
  address: PublisherAddress,
): Promise<void> {
  const options = [
    'connect = false',
    `slot_name = ${literal(spec.name)}`,
    'origin = none',
    'disable_on_error = true',
    'password_required = false',
  ];
  await session.execute(
    spec.database,
    `CREATE ${what} CONNECTION ${literal(connectionString(address, spec.name))} ` +
      `PUBLICATION ${spec.publications.map(ident).join(', ')} WITH (${options.join(', ')})`,
    `ALTER ${what} OWNER TO ${ident(spec.owner)}`,
  );
}

function mending(
  what: string,
  spec: SubscriptionSpec,
  address: PublisherAddress,
  { subscription, unfollowed, dropped }: SubscriptionSeen,
): string[] {
  const connection = connectionString(address, spec.name);
  const options = [
    ...(subscription.origin === 'none' ? [] : ['origin = none']),
    ...(subscription.disableOnError ? [] : ['disable_on_error = true']),
    ...(subscription.passwordRequired ? ['password_required = false'] : []),
  ];
  const otherSlot = subscription.slot !== spec.name;
  const samePublications = [...subscription.publications].sort().join() === [...spec.publications].sort().join();
  const copy = `copy_data = ${spec.copy}`;
  const refreshed = unfollowed.length + dropped.length > 0;
  return [
    ...(subscription.owner === spec.owner ? [] : [`ALTER ${what} OWNER TO ${ident(spec.owner)}`]),
    ...(options.length === 0 ? [] : [`ALTER ${what} SET (${options.join(', ')})`]),
    ...(subscription.connection === connection ? [] : [`ALTER ${what} CONNECTION ${literal(connection)}`]),
    ...(otherSlot && subscription.enabled ? [`ALTER ${what} DISABLE`] : []),
    ...(otherSlot ? [`ALTER ${what} SET (slot_name = ${literal(spec.name)})`] : []),
    ...(otherSlot || !subscription.enabled ? [`ALTER ${what} ENABLE`] : []),
    // Both need it enabled.
    ...(samePublications
      ? []
      : [`ALTER ${what} SET PUBLICATION ${spec.publications.map(ident).join(', ')} WITH (refresh = true, ${copy})`]),
    ...(samePublications && refreshed ? [`ALTER ${what} REFRESH PUBLICATION WITH (${copy})`] : []),
  ];
}

/**
 * PostgreSQL only warns of a publication that is not there, and follows nothing. A slot that somebody else may be using,
 * or that would hold back WAL for nobody, is never taken over in silence.
 */
async function checkPublisher(
  id: ResourceId,
  spec: SubscriptionSpec,
  address: PublisherAddress,
  isNew: boolean,
): Promise<PublisherSeen> {
  const answer = await askPublisher(address, spec.publications, spec.name);
  const where = `${address.database} on ${address.host}:${address.port}`;
  if (answer.state !== 'present') {
    throw new Failure({
      code: 'publisher-unreachable',
      message: `subscription ${spec.name}: cannot log in to its publisher: ${answer.state === 'absent' ? where : answer.why}`,
      object: id,
      why: 'a subscription is made and changed only when its connection works',
      remedy: 'start the publisher, then: keywright apply',
      exitCode: 3,
    });
  }
  const missing = spec.publications.filter((name) => !answer.seen.publications.includes(name));
  if (missing.length > 0) {
    throw new Failure({
      code: 'publication-missing',
      message: `subscription ${spec.name}: no publication ${missing.join(', ')} in ${where}`,
      object: id,
      remedy: 'keywright apply makes it',
    });
  }
  if (isNew && answer.seen.slot !== undefined) {
    throw new Failure({
      code: 'slot-taken',
      message: `subscription ${spec.name}: ${where} has a replication slot of that name already, ${
        answer.seen.slot.active ? 'in use' : 'used by nobody now'
      }`,
      object: id,
      why: 'its subscription is gone or elsewhere; until the slot goes, the publisher keeps WAL for it',
      remedy: `on ${address.host}, when nothing needs it: SELECT pg_drop_replication_slot(${literal(spec.name)})`,
    });
  }
  return answer.seen;
}

/** Its slot goes with it when the publisher answers; else what is left behind is told. */
async function remove(
  session: PgSession,
  id: ResourceId,
  seen: SubscriptionSeen | undefined,
): Promise<string | undefined> {
  const { database, name } = placeOf(id);
  const what = `SUBSCRIPTION ${ident(name)}`;
  await session.execute(database, `ALTER ${what} DISABLE`);
  const problem = await drop(session, database, what);
  if (problem === undefined) {
    return undefined;
  }
  await session.execute(database, `ALTER ${what} SET (slot_name = NONE)`, `DROP ${what}`);
  const slot = seen?.subscription.slot ?? name;
  const publisher = /\bhost='([^']*)'/.exec(seen?.subscription.connection ?? '')?.[1] ?? 'its publisher';
  return (
    `slot ${slot} is left on ${publisher} (${problem}); it goes with its publication, or at the next apply there. ` +
    `By hand: SELECT pg_drop_replication_slot(${literal(slot)})`
  );
}

/** Why the publisher did not drop the slot; undefined when all is gone. */
async function drop(session: PgSession, database: string, what: string): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      await session.execute(database, `DROP ${what}`);
      return undefined;
    } catch (error) {
      const cause = causeOf(error);
      if (!/could not connect to (the )?publisher|could not drop replication slot/.test(cause)) {
        throw error;
      }
      // Its walsender ends a moment after its worker.
      if (!/is active for PID/.test(cause) || attempt === 20) {
        return shortened(cause);
      }
      await delay(100);
    }
  }
}

/** What libpq said of the connection, without the statement's own words around it. */
function shortened(cause: string): string {
  const [, said] = /^.*(?:failed|on publisher): ([^;\n]*)/s.exec(cause) ?? [];
  return said ?? cause;
}
