import type { InventoryRecord, RunContext } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import { parseResourceId, type ResourceId } from '../../model/ids.ts';
import { isOutputRef, type Resource, resolveOutputs } from '../../model/resource.ts';
import type { SeenSubscription } from './cluster-snapshot.ts';
import type { SubscriptionSpec } from './postgres.spec.ts';
import { askPublisher, type PublisherAddress } from './publisher.ts';
import type { PgSession } from './session.ts';

export interface SubscriptionSeen {
  readonly subscription: SeenSubscription;
  readonly comment: string | null;
  /** Published tables that it does not follow yet; none when the publisher could not be asked. */
  readonly unfollowed: readonly string[];
  /** Tables that it follows although they are published no more. */
  readonly dropped: readonly string[];
}

export async function observeSubscriptions(
  session: PgSession,
  wanted: readonly Resource<SubscriptionSpec>[],
  recorded: readonly InventoryRecord[],
  context: RunContext,
): Promise<ReadonlyMap<ResourceId, Answer<SubscriptionSeen>>> {
  const cluster = await session.cluster();
  const specs = new Map(wanted.map(({ id, spec }) => [id, spec]));
  const ids = new Set([...specs.keys(), ...recorded.map(({ id }) => id)]);
  const followed = new Map<string, Promise<ReadonlyMap<string, readonly string[]>>>();
  const answers = await Promise.all(
    [...ids].map(async (id): Promise<readonly [ResourceId, Answer<SubscriptionSeen>]> => {
      const { database, name } = placeOf(id);
      const subscription = cluster.subscriptions.find((each) => each.database === database && each.name === name);
      if (subscription === undefined) {
        return [id, absent];
      }
      const comments = (await session.database(database))?.subscriptionComments;
      const comment = comments?.find((each) => each.name === name)?.comment ?? null;
      const tables = followed.get(database) ?? followedTables(session, database);
      followed.set(database, tables);
      const spec = specs.get(id);
      const differences =
        spec === undefined ? inStep : await compareTables(spec, (await tables).get(name) ?? [], context);
      return [id, present({ subscription, comment, ...differences })];
    }),
  );
  return new Map(answers);
}

const inStep: Pick<SubscriptionSeen, 'unfollowed' | 'dropped'> = { unfollowed: [], dropped: [] };

/** A publisher that does not answer is no reason to change the subscriber: its proof says so. */
async function compareTables(
  unresolved: SubscriptionSpec,
  followed: readonly string[],
  context: RunContext,
): Promise<Pick<SubscriptionSeen, 'unfollowed' | 'dropped'>> {
  const { spec } = resolveOutputs(unresolved, ({ from, output }) => context.output(from, output));
  const address = addressOf(spec);
  if (address === undefined) {
    return inStep;
  }
  const answer = await askPublisher(address, spec.publications, spec.name);
  if (answer.state !== 'present' || answer.seen.publications.length < spec.publications.length) {
    return inStep;
  }
  const published = answer.seen.tables;
  return {
    unfollowed: published.filter((table) => !followed.includes(table)),
    dropped: followed.filter((table) => !published.includes(table)),
  };
}

async function followedTables(session: PgSession, database: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await session.query<{ name: string; table: string }>(
    database,
    `SELECT s.subname AS name, n.nspname || '.' || c.relname AS table
       FROM pg_subscription_rel r
       JOIN pg_subscription s ON s.oid = r.srsubid
       JOIN pg_class c ON c.oid = r.srrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace`,
  );
  const tables = new Map<string, string[]>();
  for (const { name, table } of rows) {
    tables.set(name, [...(tables.get(name) ?? []), table]);
  }
  return tables;
}

/** Where the publisher is, undefined while an output is still to come. */
export function addressOf({ connection }: SubscriptionSpec): PublisherAddress | undefined {
  const { host, hostaddr, port, database, user, certificateDirectory } = connection;
  return isOutputRef(host) || isOutputRef(hostaddr) || isOutputRef(port) || isOutputRef(certificateDirectory)
    ? undefined
    : { host, hostaddr, port, database, user, certificateDirectory };
}

export function placeOf(id: ResourceId): { readonly database: string; readonly name: string } {
  const [database = '', name = ''] = parseResourceId(id).names;
  return { database, name };
}
