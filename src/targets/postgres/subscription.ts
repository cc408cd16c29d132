import type { ResourceKind } from '../../engine/interfaces.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { oneByOne } from './bulk.ts';
import { differs, diffMarked } from './marked.ts';
import type { SubscriptionSpec } from './postgres.spec.ts';
import { connectionString } from './publisher.ts';
import type { PgSession } from './session.ts';
import { applySubscription } from './subscription-apply.ts';
import { addressOf, observeSubscriptions, type SubscriptionSeen } from './subscription-observe.ts';

/** `postgres/<name>/subscription/<database>/<subscription>`: see `postgres.spec.ts`. */
export const subscriptionKind: ResourceKind<PgSession, SubscriptionSpec, SubscriptionSeen> = {
  kind: 'subscription',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'marked',

  observe: observeSubscriptions,

  diff: (wanted, seen, recorded, context): Change =>
    diffMarked({
      wanted,
      seen,
      recorded,
      context,
      onRemoval: 'remove',
      leaving: () => 'left the fleet; its replication slot on the publisher goes with it',
      create: (spec) => [
        { field: 'from', after: `${spec.publications.join(', ')} of ${spec.connection.database}` },
        { field: 'owner', after: spec.owner },
        { field: 'first copy', after: spec.copy ? 'yes' : 'no' },
      ],
      differences,
    }),

  apply: (session, changes, io) => oneByOne(io, changes, (change) => applySubscription(session, change, io)),
};

function differences(spec: SubscriptionSpec, seen: SubscriptionSeen): FieldChange[] {
  const { subscription } = seen;
  const address = addressOf(spec);
  const isConnected = address !== undefined && connectionString(address, spec.name) === subscription.connection;
  return [
    ...differs('owner', subscription.owner, spec.owner),
    ...(isConnected ? [] : [{ field: 'connection', note: 'host, port, user or files differ' }]),
    ...differs('slot', subscription.slot, spec.name),
    ...differs('enabled', subscription.enabled, true),
    ...differs('origin', subscription.origin, 'none'),
    ...differs('password_required', subscription.passwordRequired, false),
    ...differs('disable_on_error', subscription.disableOnError, true),
    ...differs('publications', sorted(subscription.publications), sorted(spec.publications)),
    ...(seen.unfollowed.length === 0 ? [] : [{ field: 'tables', after: `follows ${seen.unfollowed.join(', ')}` }]),
    ...(seen.dropped.length === 0 ? [] : [{ field: 'tables', after: `lets go of ${seen.dropped.join(', ')}` }]),
  ];
}

function sorted(names: readonly string[]): string {
  return [...names].sort().join(', ');
}
