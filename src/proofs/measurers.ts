import {
  loginMeasurer,
  refusedOtherDatabaseMeasurer,
  refusedPlainMeasurer,
  refusedWithoutCertificateMeasurer,
  refusedWrongPasswordMeasurer,
} from './access-login.ts';
import { grantedMeasurer } from './access-grants.ts';
import { readsMeasurer, refusedDdlMeasurer, refusedWriteMeasurer, writesMeasurer } from './access-rights.ts';
import { authorityValidMeasurer, certificateValidMeasurer } from './certificate.ts';
import { passwordAgreesMeasurer } from './password-agrees.ts';
import { pkiNamesOnlyMeasurer } from './pki.ts';
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
import { engineLoginRotatedMeasurer } from './engine-login.ts';
import { encryptionKeyWorksMeasurer } from './encryption-key.ts';
import { entryCompleteMeasurer } from './entry-complete.ts';
import { replicatesMeasurer } from './replicates.ts';
import { replicationHealthyMeasurer } from './replication.ts';
import { rulePoliciesMeasurer } from './rule-policies.ts';
import { ruleMeasurer } from './rule.ts';
import { storeSealedMeasurer } from './store-sealed.ts';
import { leaseAliveMeasurer } from './lease.ts';
import { leaseEndsMeasurer } from './lease-ends.ts';
import { storeAuditedMeasurer } from './vault-audited.ts';
import { storeLoginMeasurer, storeSecretIdsMeasurer } from './vault-login.ts';
import { storeReadsMeasurer } from './vault-reads.ts';
import {
  storeRefusedListMeasurer,
  storeRefusedOthersMeasurer,
  storeRefusedSysMeasurer,
  storeRefusedWriteMeasurer,
} from './vault-refused.ts';
import { storeWrapsMeasurer } from './vault-wraps.ts';
import { storeWritesMeasurer } from './vault-writes.ts';
import { tokenLeastPrivilegeMeasurer } from './token.ts';
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
  'engine-login-rotated': engineLoginRotatedMeasurer,
  'encryption-key-works': encryptionKeyWorksMeasurer,
  'entry-complete': entryCompleteMeasurer,
  granted: grantedMeasurer,
  'lease-alive': leaseAliveMeasurer,
  'lease-ends': leaseEndsMeasurer,
  'keys-sealed': keysSealedMeasurer,
  login: loginMeasurer,
  'own-identity': ownIdentityMeasurer,
  'password-agrees': passwordAgreesMeasurer,
  'pki-names-only': pkiNamesOnlyMeasurer,
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
  'rule-policies': rulePoliciesMeasurer,
  'served-certificate': servedCertificateMeasurer,
  'store-audited': storeAuditedMeasurer,
  'store-login': storeLoginMeasurer,
  'store-reads': storeReadsMeasurer,
  'store-refused-list': storeRefusedListMeasurer,
  'store-refused-others': storeRefusedOthersMeasurer,
  'store-refused-sys': storeRefusedSysMeasurer,
  'store-refused-write': storeRefusedWriteMeasurer,
  'store-sealed': storeSealedMeasurer,
  'store-secret-ids': storeSecretIdsMeasurer,
  'store-wraps': storeWrapsMeasurer,
  'store-writes': storeWritesMeasurer,
  'superuser-socket-only': superuserSocketOnlyMeasurer,
  'token-least-privilege': tokenLeastPrivilegeMeasurer,
  writes: writesMeasurer,
};
