import type { Registry } from '../engine/interfaces.ts';
import { bundleKind } from '../targets/authority/bundle.ts';
import { caKind } from '../targets/authority/ca.ts';
import { certificateKind } from '../targets/authority/certificate.ts';
import { crlKind } from '../targets/authority/crl.ts';
import { authorityTarget } from '../targets/authority/target.ts';
import { directoryKind } from '../targets/file/directory.ts';
import { publicationKind } from '../targets/postgres/publication.ts';
import { subscriptionKind } from '../targets/postgres/subscription.ts';
import { postgresTarget } from '../targets/postgres/target.ts';
import { localSite } from '../targets/process/local-site.ts';
import { processKind } from '../targets/process/process.ts';
import { secretKind } from '../targets/store/secret.ts';
import { storeTarget } from '../targets/store/target.ts';

/** All kinds that this Keywright knows. */
export const registry: Registry = {
  targets: [storeTarget, authorityTarget, localSite, postgresTarget],
  kinds: [secretKind, caKind, bundleKind, crlKind, certificateKind, processKind, directoryKind, publicationKind, subscriptionKind],
};
