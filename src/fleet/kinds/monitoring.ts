import { duration, integer, kind, map, object, preset, referenceByDefault, text, type Spec } from '../schema.ts';

const length = (description: string, value: string) => preset(duration(description), value);
const count = (description: string, value: number) => preset(integer(description, 0, 1_000_000), value);

export const Monitoring = kind('Monitoring', 'monitorings', 'Prometheus rules and service monitors.', {
  site: referenceByDefault('Site', 'Site where Prometheus runs.'),
  namespace: preset(text('Namespace of the rules.', { format: 'name' }), 'monitoring'),
  labels: preset(
    map('Labels by which Prometheus finds them.', 'line', text('Value of the label.', { example: 'prometheus' })),
    {},
  ),
  warn: preset(
    object('When to warn.', {
      certificateExpiry: length('A certificate ends within.', '10d'),
      leaseExpiry: length('A lease ends within.', '20m'),
      tokenExpiry: length('A token ends within.', '24h'),
      backupAge: length('The newest proven backup is older than.', '26h'),
      rotationOverdue: length('A rotation is late by.', '1d'),
      deliveryFailed: length('A delivery has failed for.', '5m'),
      storeLatency: length('A store answers slower than.', '200ms'),
      storeUnreachable: length('A store has not answered for.', '2m'),
      replicationLag: length('A replica is behind by.', '1m'),
      failedLogins: count('Failed logins in five minutes, more than.', 10),
      failedHandshakes: count('Failed TLS handshakes in five minutes, more than.', 10),
      plainSessions: count('Sessions without TLS, more than.', 0),
      weakTls: count('Sessions with a weak cipher or an old version of TLS, more than.', 0),
    }),
    {},
  ),
});
export type Monitoring = Spec<typeof Monitoring>;
