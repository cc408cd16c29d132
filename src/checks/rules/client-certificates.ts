import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const clientCertificates = defineRule({
  id: 'KW061',
  name: 'client-certificates',
  what: 'Logins by client certificate are turned off where they are used, or demanded of who has none.',
  why: 'The login would be refused.',
  example:
    'kind: Postgres\nspec: { tls: { clientCertificates: none } }     # and an access with credential: certificate',
  remedy: 'Leave `clientCertificates` out: they are accepted where something uses them.',
  *check({ fleet }, rule) {
    for (const { name, document: object, source, spec } of fleet.postgres.values()) {
      const accesses = [...fleet.accesses.values()].filter((access) => access.spec.postgres === name);
      const byCertificate = accesses.find((access) => access.spec.credential.certificate !== undefined);
      const byPassword = accesses.find((access) => access.spec.credential.certificate === undefined);
      const replication = [...fleet.replications.values()].find((each) =>
        each.spec.logical?.flows.some(({ from }) => from === name),
      );
      const user = byCertificate ?? replication;
      const mode = spec.tls.clientCertificates;
      const message =
        mode === 'none' && user !== undefined
          ? `${user.document} logs in to ${name} by client certificate, which is turned off`
          : mode === 'required' && byPassword !== undefined
            ? `${byPassword.document} logs in to ${name} by password alone, and a client certificate is required`
            : undefined;
      if (message !== undefined) {
        yield finding(rule, { message, source: at(source, 'spec', 'tls', 'clientCertificates'), object });
      }
    }
  },
});
