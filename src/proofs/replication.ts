import { broken, held, type Measurer } from './measurer.ts';
import type { ReplicationProbeSpec } from './proofs.spec.ts';
import { mendOf, type ReplicationState, replicationState, whereItStops } from './replication-state.ts';
import { asSuperuser, poll } from './superuser.ts';

/** A worker that lost its connection is started again after `wal_retrieve_retry_interval`, 5 s unless set. */
const patience = 8_000;

/** The subscription runs, follows every table, met no conflict, and logged in by certificate. */
export const replicationHealthyMeasurer: Measurer<ReplicationProbeSpec> = async (spec, tools) => {
  const [from, to] = await Promise.all([
    asSuperuser(spec.from, spec.database, tools),
    asSuperuser(spec.to, spec.database, tools),
  ]);
  let state = await replicationState(from, to, spec);
  await poll(
    async () => {
      state = await replicationState(from, to, spec);
      return mayPass(spec, state) ? undefined : true;
    },
    tools,
    patience,
  );
  const faults = [...lastingFaults(spec, state), ...passingFaults(spec, state)];
  const [first] = faults;
  if (first !== undefined) {
    return broken(faults.map(({ seen }) => seen).join('; '), first.mend);
  }
  const { sender, slot, subscription } = state;
  const errors = subscription?.errors ?? 0;
  const differences = conflictsOf(subscription)
    .filter(([name]) => isOriginDifference(name))
    .reduce((sum, [, count]) => sum + count, 0);
  return held(
    `worker runs, ${spec.tables.length} tables in step, slot ${slot?.behind ?? 0} bytes behind, no conflicts; ` +
      `logged in as ${sender?.user} by its certificate, ${sender?.tls}` +
      (errors === 0 ? '' : `; ${errors} earlier errors counted, among them lost connections`) +
      (differences === 0
        ? ''
        : `; ${differences} changes met rows of another origin, those of the first copy included`),
  );
};

function conflictsOf(subscription: ReplicationState['subscription']): [string, number][] {
  return Object.entries(subscription?.conflicts ?? {});
}

/**
 * A change met a row that something else than this worker had written. The first copy of a table has an origin of its
 * own, so the first change of each copied row counts here, and the counter alone proves nothing.
 */
function isOriginDifference(counter: string): boolean {
  return counter.endsWith('_origin_differs');
}

interface Fault {
  readonly seen: string;
  readonly mend: string;
}

/** Only waiting can help: nothing is wrong that stays wrong. */
function mayPass(spec: ReplicationProbeSpec, state: ReplicationState): boolean {
  const isThere = state.subscription?.enabled === true && state.slot !== undefined && state.slot.walStatus !== 'lost';
  return isThere && lastingFaults(spec, state).length === 0 && passingFaults(spec, state).length > 0;
}

function lastingFaults(spec: ReplicationProbeSpec, { subscription, published }: ReplicationState): Fault[] {
  if (subscription === undefined) {
    return [];
  }
  const unpublished = spec.tables.filter((table) => !published.includes(table));
  const unfollowed = spec.tables.filter((table) => subscription.tables[table] === undefined);
  const conflicts = conflictsOf(subscription)
    .filter(([name]) => !isOriginDifference(name))
    .map(([name, count]) => `${name} ${count}`);
  return [
    ...fault(unpublished.length > 0, `${unpublished.join(', ')} not in publication ${spec.publication}`),
    ...fault(unfollowed.length > 0, `${unfollowed.join(', ')} not followed by ${spec.subscription}`),
    ...fault(!subscription.verifies, `${spec.subscription} does not verify its publisher (no sslmode=verify-full)`),
    ...fault(
      conflicts.length > 0,
      `conflicts on ${spec.to.postgres}: ${conflicts.join(', ')}`,
      `the log of ${spec.to.postgres} tells which rows; when they are put right: ` +
        `SELECT pg_stat_reset_subscription_stats(oid) FROM pg_subscription WHERE subname = '${spec.subscription}'`,
    ),
  ];
}

/** What may be wrong for a moment, while a worker starts or a table is copied. */
function passingFaults(spec: ReplicationProbeSpec, state: ReplicationState): Fault[] {
  const stops = whereItStops(spec, state);
  if (stops !== undefined) {
    return [{ seen: stops, mend: mendOf(spec, state) }];
  }
  const { subscription, sender } = state;
  const unready = spec.tables.filter((table) => {
    const ready = subscription?.tables[table];
    return ready !== undefined && ready !== 'r';
  });
  const isCertified = sender?.tls !== null && hasCommonName(sender?.clientName ?? '', sender?.user ?? '');
  return [
    ...fault(unready.length > 0, `${unready.join(', ')} still being copied`, 'wait for the first copy to end'),
    ...fault(
      !isCertified,
      `${sender?.user ?? spec.subscription} is not logged in by a certificate of its own on ${spec.from.postgres}`,
    ),
  ];
}

function fault(isOne: boolean, seen: string, mend = 'keywright apply'): Fault[] {
  return isOne ? [{ seen, mend }] : [];
}

/** PostgreSQL shows a distinguished name as `/O=…/CN=…`. */
function hasCommonName(clientName: string, name: string): boolean {
  return name !== '' && clientName.split('/').includes(`CN=${name}`);
}
