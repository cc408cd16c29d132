import type { Registry } from '../engine/interfaces.ts';
import { bundleKind } from '../targets/authority/bundle.ts';
import { caKind } from '../targets/authority/ca.ts';
import { certificateKind } from '../targets/authority/certificate.ts';
import { crlKind } from '../targets/authority/crl.ts';
import { authorityTarget } from '../targets/authority/target.ts';
import { directoryKind } from '../targets/file/directory.ts';
import { clientCertificateKind } from '../targets/postgres/client-certificate.ts';
import { databaseKind } from '../targets/postgres/database.ts';
import { defaultPrivilegeKind } from '../targets/postgres/default-privilege.ts';
import { engineLoginKind } from '../targets/postgres/engine-login.ts';
import { extensionKind } from '../targets/postgres/extension.ts';
import { grantKind } from '../targets/postgres/grant.ts';
import { hbaKind } from '../targets/postgres/hba.ts';
import { leaseKind } from '../targets/postgres/lease.ts';
import { membershipKind } from '../targets/postgres/membership.ts';
import { parameterKind } from '../targets/postgres/parameter.ts';
import { privilegeKind } from '../targets/postgres/privilege.ts';
import { probeKind } from '../targets/postgres/probe.ts';
import { publicationKind } from '../targets/postgres/publication.ts';
import { roleKind } from '../targets/postgres/role.ts';
import { schemaKind } from '../targets/postgres/schema.ts';
import { setupKind } from '../targets/postgres/setup.ts';
import { subscriptionKind } from '../targets/postgres/subscription.ts';
import { postgresTarget } from '../targets/postgres/target.ts';
import { tlsKind } from '../targets/postgres/tls.ts';
import { localSite } from '../targets/process/local-site.ts';
import { processKind } from '../targets/process/process.ts';
import { trustFileKind } from '../targets/process/trust-file.ts';
import { secretKind } from '../targets/store/secret.ts';
import { storeTarget } from '../targets/store/target.ts';
import { appRoleLoginKind } from '../targets/vault/app-role-login.ts';
import { appRoleKind } from '../targets/vault/app-role.ts';
import { authMountKind } from '../targets/vault/auth-mount.ts';
import { certRoleKind } from '../targets/vault/cert-role.ts';
import { databaseConnectionKind } from '../targets/vault/database-connection.ts';
import { databaseRoleKind } from '../targets/vault/database-role.ts';
import { databaseStaticRoleKind } from '../targets/vault/database-static-role.ts';
import { encryptionKeyKind } from '../targets/vault/encryption-key.ts';
import { mountKind } from '../targets/vault/mount.ts';
import { pkiConfigKind } from '../targets/vault/pki-config.ts';
import { pkiRoleKind } from '../targets/vault/pki-role.ts';
import { policyKind } from '../targets/vault/policy.ts';
import { tokenRoleKind } from '../targets/vault/token-role.ts';
import { tokenKind } from '../targets/vault/token.ts';
import { vaultServerKind } from '../targets/vault/vault-server.ts';
import { policyLanguage } from './policy-language.ts';

/** All kinds that this Keywright knows. */
export const registry: Registry = {
  targets: [storeTarget, authorityTarget, localSite, postgresTarget],
  kinds: [
    secretKind,
    mountKind,
    policyKind(policyLanguage),
    authMountKind,
    appRoleKind,
    appRoleLoginKind,
    certRoleKind,
    databaseConnectionKind,
    databaseRoleKind,
    databaseStaticRoleKind,
    encryptionKeyKind,
    pkiConfigKind,
    pkiRoleKind,
    tokenRoleKind,
    tokenKind,
    caKind,
    bundleKind,
    crlKind,
    certificateKind,
    processKind,
    trustFileKind,
    vaultServerKind,
    directoryKind,
    tlsKind,
    clientCertificateKind,
    parameterKind,
    hbaKind,
    roleKind,
    membershipKind,
    databaseKind,
    schemaKind,
    extensionKind,
    setupKind,
    probeKind,
    privilegeKind,
    defaultPrivilegeKind,
    grantKind,
    engineLoginKind,
    leaseKind,
    publicationKind,
    subscriptionKind,
  ],
};
