import {
  loginMeasurer,
  refusedOtherDatabaseMeasurer,
  refusedPlainMeasurer,
  refusedWithoutCertificateMeasurer,
  refusedWrongPasswordMeasurer,
} from './access-login.ts';
import { readsMeasurer, refusedDdlMeasurer, refusedWriteMeasurer, writesMeasurer } from './access-rights.ts';
import { authorityValidMeasurer, certificateValidMeasurer } from './certificate.ts';
import { passwordAgreesMeasurer } from './password-agrees.ts';
import {
  refusedOldTlsMeasurer,
  refusedOtherAuthorityMeasurer,
  refusedPlainAnybodyMeasurer,
  refusedRevokedMeasurer,
  refusedWrongHostMeasurer,
  servedCertificateMeasurer,
  superuserSocketOnlyMeasurer,
} from './server.ts';
import { deliveredAgreesMeasurer, deliveredModesMeasurer } from './delivered.ts';
import { deliveredLoginMeasurer } from './delivered-login.ts';
import { entryCompleteMeasurer } from './entry-complete.ts';
import { replicatesMeasurer } from './replicates.ts';
import { replicationHealthyMeasurer } from './replication.ts';
import { ruleMeasurer } from './rule.ts';
import { storeSealedMeasurer } from './store-sealed.ts';
import { leaseAliveMeasurer } from './lease.ts';
import { leaseEndsMeasurer } from './lease-ends.ts';
import type { Measurer } from './measurer.ts';
import {
  auditRecordsMeasurer,
  keysSealedMeasurer,
  ownIdentityMeasurer,
  peersServedCertificateMeasurer,
  peersUnsealedMeasurer,
  peersVoteMeasurer,
} from './vault-server.ts';

/** What measures each kind of claim. */
// A measurer gets the spec of its own kind; the map cannot say which, so it is checked where claims are compiled.
export const measurers: Readonly<Record<string, Measurer<never>>> = {
  'audit-records': auditRecordsMeasurer,
  'authority-valid': authorityValidMeasurer,
  'certificate-valid': certificateValidMeasurer,
  'delivered-agrees': deliveredAgreesMeasurer,
  'delivered-login': deliveredLoginMeasurer,
  'delivered-modes': deliveredModesMeasurer,
  'entry-complete': entryCompleteMeasurer,
  'lease-alive': leaseAliveMeasurer,
  'lease-ends': leaseEndsMeasurer,
  'keys-sealed': keysSealedMeasurer,
  login: loginMeasurer,
  'own-identity': ownIdentityMeasurer,
  'password-agrees': passwordAgreesMeasurer,
  'peers-served-certificate': peersServedCertificateMeasurer,
  'peers-unsealed': peersUnsealedMeasurer,
  'peers-vote': peersVoteMeasurer,
  reads: readsMeasurer,
  'refused-ddl': refusedDdlMeasurer,
  'refused-old-tls': refusedOldTlsMeasurer,
  'refused-other-authority': refusedOtherAuthorityMeasurer,
  'refused-other-database': refusedOtherDatabaseMeasurer,
  'refused-plain': refusedPlainMeasurer,
  'refused-plain-anybody': refusedPlainAnybodyMeasurer,
  'refused-revoked': refusedRevokedMeasurer,
  'refused-without-certificate': refusedWithoutCertificateMeasurer,
  'refused-write': refusedWriteMeasurer,
  'refused-wrong-host': refusedWrongHostMeasurer,
  'refused-wrong-password': refusedWrongPasswordMeasurer,
  replicates: replicatesMeasurer,
  'replication-healthy': replicationHealthyMeasurer,
  rule: ruleMeasurer,
  'served-certificate': servedCertificateMeasurer,
  'store-sealed': storeSealedMeasurer,
  'superuser-socket-only': superuserSocketOnlyMeasurer,
  writes: writesMeasurer,
};
