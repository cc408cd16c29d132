import type { CheckRule } from '../rule.ts';
import { adoptExisting } from './adopt-existing.ts';
import { alarmBeforeRenewal } from './alarm-before-renewal.ts';
import { backupNotEncrypted } from './backup-not-encrypted.ts';
import { bareSecretInJson } from './bare-secret-in-json.ts';
import { certificateOutlivesIssuer } from './certificate-outlives-issuer.ts';
import { clientCertificates } from './client-certificates.ts';
import { conditionalField } from './conditional-field.ts';
import { cycle } from './cycle.ts';
import { deliveryCollision } from './delivery-collision.ts';
import { expiredException } from './expired-exception.ts';
import { homeRunByFleet } from './home-run-by-fleet.ts';
import { identifierCollision } from './identifier-collision.ts';
import { identifierTooLong } from './identifier-too-long.ts';
import { leaseLongerThanMaximum } from './lease-longer-than-maximum.ts';
import { managedParameter } from './managed-parameter.ts';
import { missingKeyOfType } from './missing-key-of-type.ts';
import { noDynamicReadThroughKv } from './no-dynamic-read-through-kv.ts';
import { pathCollision } from './path-collision.ts';
import { oneKeyUnseals } from './one-key-unseals.ts';
import { plainHttp } from './plain-http.ts';
import { renewedTooEarly } from './renewed-too-early.ts';
import { replacedStore } from './replaced-store.ts';
import { replicationParameter } from './replication-parameter.ts';
import { replicationSides } from './replication-sides.ts';
import { reservedPath } from './reserved-path.ts';
import { ruleBroken } from './rule-broken.ts';
import { ruleMatchesNothing } from './rule-matches-nothing.ts';
import { samePlace } from './same-place.ts';
import { secretInDocument } from './secret-in-document.ts';
import { singleReplica } from './single-replica.ts';
import { storeCannot } from './store-cannot.ts';
import { tableFlowsTwoWays } from './table-flows-two-ways.ts';
import { thresholdTooHigh } from './threshold-too-high.ts';
import { unknownDatabase } from './unknown-database.ts';
import { unknownException } from './unknown-exception.ts';
import { unknownKey } from './unknown-key.ts';
import { unknownPath } from './unknown-path.ts';
import { unknownPlaceholder } from './unknown-placeholder.ts';
import { unreachablePostgres } from './unreachable-postgres.ts';
import { unreachableStore } from './unreachable-store.ts';
import { unusedSource } from './unused-source.ts';
import { weakTlsMode } from './weak-tls-mode.ts';
import { wrongSite } from './wrong-site.ts';

/** Every rule about what a fleet means, in the order of their ids. A test compares the list with the folder. */
export const checkRules: readonly CheckRule[] = [
  plainHttp,
  noDynamicReadThroughKv,
  cycle,
  identifierCollision,
  identifierTooLong,
  unknownPlaceholder,
  unknownPath,
  unknownKey,
  pathCollision,
  reservedPath,
  tableFlowsTwoWays,
  certificateOutlivesIssuer,
  renewedTooEarly,
  leaseLongerThanMaximum,
  weakTlsMode,
  singleReplica,
  unreachablePostgres,
  unreachableStore,
  secretInDocument,
  bareSecretInJson,
  conditionalField,
  wrongSite,
  ruleMatchesNothing,
  ruleBroken,
  homeRunByFleet,
  backupNotEncrypted,
  deliveryCollision,
  samePlace,
  replicationSides,
  unknownDatabase,
  clientCertificates,
  managedParameter,
  replicationParameter,
  thresholdTooHigh,
  unusedSource,
  missingKeyOfType,
  storeCannot,
  replacedStore,
  alarmBeforeRenewal,
  unknownException,
  expiredException,
  oneKeyUnseals,
  adoptExisting,
];
