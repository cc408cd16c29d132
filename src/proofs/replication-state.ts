import type { Client } from 'pg';
import type { ReplicationProbeSpec } from './proofs.spec.ts';

/** One flow, as both of its servers show it. */
export interface ReplicationState {
  /** Undefined: the subscriber has no such subscription. */
  readonly subscription?: {
    readonly enabled: boolean;
    readonly verifies: boolean;
    readonly workerPid: number | null;
    /** `schema.table` to its state; `r` is ready. */
    readonly tables: Readonly<Record<string, string>>;
    /** Counters that are not zero. */
    readonly conflicts: Readonly<Record<string, number>>;
    readonly errors: number;
  };
  readonly published: readonly string[];
  /** Undefined: the publisher has no such slot. */
  readonly slot?: { readonly active: boolean; readonly walStatus: string | null; readonly behind: number | null };
  /** How the subscriber logged in. */
  readonly sender?: { readonly user: string; readonly tls: string | null; readonly clientName: string | null };
}

export async function replicationState(
  from: Client,
  to: Client,
  { publication, subscription }: ReplicationProbeSpec,
): Promise<ReplicationState> {
  const [subscribed, published] = await Promise.all([
    to.query<{ state: ReplicationState['subscription'] }>(subscriberQuery, [subscription]),
    from.query<{ state: Omit<ReplicationState, 'subscription'> }>(publisherQuery, [publication, subscription]),
  ]);
  const sent = published.rows[0]?.state;
  return {
    subscription: subscribed.rows[0]?.state,
    published: sent?.published ?? [],
    slot: sent?.slot ?? undefined,
    sender: sent?.sender ?? undefined,
  };
}

const subscriberQuery = `
  SELECT json_build_object(
    'enabled', s.subenabled,
    'verifies', s.subconninfo ~ 'sslmode=''?verify-full',
    'workerPid', (SELECT w.pid FROM pg_stat_subscription w WHERE w.subid = s.oid AND w.worker_type = 'apply'),
    'tables', (SELECT coalesce(json_object_agg(n.nspname || '.' || c.relname, r.srsubstate), '{}')
                 FROM pg_subscription_rel r
                 JOIN pg_class c ON c.oid = r.srrelid
                 JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE r.srsubid = s.oid),
    'conflicts', (SELECT coalesce(json_object_agg(key, value), '{}')
                    FROM pg_stat_subscription_stats t, json_each(to_json(t))
                   WHERE t.subid = s.oid AND key LIKE 'confl%' AND value::text <> '0'),
    'errors', (SELECT coalesce(sum(t.apply_error_count + t.sync_error_count), 0)
                 FROM pg_stat_subscription_stats t WHERE t.subid = s.oid)
  ) AS state
    FROM pg_subscription s
    JOIN pg_database d ON d.oid = s.subdbid AND d.datname = current_database()
   WHERE s.subname = $1`;

const publisherQuery = `
  SELECT json_build_object(
    'published', ARRAY(SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = $1),
    'slot', (SELECT json_build_object('active', active, 'walStatus', wal_status,
                                      'behind', pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn))
               FROM pg_replication_slots WHERE slot_name = $2 AND database = current_database()),
    'sender', (SELECT json_build_object('user', a.usename, 'tls', CASE WHEN t.ssl THEN t.version END,
                                        'clientName', t.client_dn)
                 FROM pg_replication_slots p
                 JOIN pg_stat_activity a ON a.pid = p.active_pid
                 JOIN pg_stat_ssl t ON t.pid = a.pid
                WHERE p.slot_name = $2)
  ) AS state`;

/** Where the flow stops, for a person; undefined when nothing is wrong that the servers show. */
export function whereItStops(spec: ReplicationProbeSpec, state: ReplicationState): string | undefined {
  const { subscription, slot } = state;
  const { to, from } = spec;
  if (subscription === undefined) {
    return `${to.postgres} has no subscription ${spec.subscription}`;
  }
  if (!subscription.enabled) {
    return `subscription ${spec.subscription} on ${to.postgres} is disabled`;
  }
  if (slot === undefined) {
    return `${from.postgres} has no replication slot ${spec.subscription}`;
  }
  if (slot.walStatus === 'lost') {
    return `slot ${spec.subscription} on ${from.postgres} has lost its WAL`;
  }
  if (subscription.workerPid === null) {
    return `no worker of ${spec.subscription} runs on ${to.postgres}`;
  }
  return slot.active ? undefined : `slot ${spec.subscription} on ${from.postgres} is not in use`;
}

/** What would get it going again, as far as that can be told from where it stops. */
export function mendOf(spec: ReplicationProbeSpec, state: ReplicationState): string {
  const { subscription, slot } = state;
  if (subscription !== undefined && (slot === undefined || slot.walStatus === 'lost')) {
    return (
      `on ${spec.to.postgres}: ALTER SUBSCRIPTION ${spec.subscription} DISABLE; ` +
      `ALTER SUBSCRIPTION ${spec.subscription} SET (slot_name = NONE); DROP SUBSCRIPTION ${spec.subscription}; ` +
      'empty its tables there if they are to be copied again, then: keywright apply'
    );
  }
  if (subscription?.enabled === true && subscription.workerPid === null) {
    return `look at the end of the log of ${spec.to.postgres}, then: keywright apply`;
  }
  return 'keywright apply';
}
