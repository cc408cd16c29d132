import type { TestContext } from 'node:test';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { VaultStore } from '../../src/stores/vault/backend.ts';
import type { CertificateSpec } from '../../src/targets/authority/authority.spec.ts';
import { authorityTarget } from '../../src/targets/authority/target.ts';
import type { AuthoritySession } from '../../src/targets/authority/target.ts';
import { mountKind } from '../../src/targets/vault/mount.ts';
import type { MountSpec } from '../../src/targets/vault/mount.spec.ts';
import { pkiConfigKind } from '../../src/targets/vault/pki-config.ts';
import type { PkiConfigSpec } from '../../src/targets/vault/pki-config.spec.ts';
import { pkiRoleKind } from '../../src/targets/vault/pki-role.ts';
import { pkiIssuerName, pkiRoleName } from '../../src/targets/vault/pki-role.spec.ts';
import type { PkiRoleSpec } from '../../src/targets/vault/pki-role.spec.ts';
import type { Resource } from '../../src/model/resource.ts';
import { applyAuthority, authorityIn } from './authority-bench.ts';
import { resource } from './kinds.ts';
import type { OpenBao } from './openbao.ts';
import type { StoreBench } from './store-bench.ts';
import { vaultBench } from './vault-bench.ts';

const store = targetId('store', 'main');
const decade = 3650 * 86_400;

export interface PkiBench {
  readonly bench: StoreBench;
  readonly main: VaultStore;
  readonly mount: string;
  readonly session: AuthoritySession;
  readonly mounted: Resource<MountSpec>;
  readonly config: Resource<PkiConfigSpec>;
  role(usage: PkiRoleSpec['usage'], names: readonly string[], spec?: Partial<PkiRoleSpec>): Resource<PkiRoleSpec>;
  /** Applies mount, settings, the roles that the certificates need, and all of the authority. */
  applyAll(certificates: readonly Resource<CertificateSpec>[]): Promise<string[]>;
}

/** An authority `local` in the PKI engine of a store `main`; nothing is made yet, the mount neither. */
export async function pkiBench(t: TestContext, bao: OpenBao, vault?: PkiBench): Promise<PkiBench> {
  const { bench, main, unique } = vault === undefined ? await vaultBench(t, bao) : { ...vault, unique: '' };
  const mount = vault?.mount ?? `pki-${unique}`;
  const session = await sessionIn(bench, 'main', mount);
  const mounted = resource<MountSpec>(resourceId(store, 'mount', mount), {
    path: mount,
    type: 'pki',
    maxLeaseSeconds: decade,
  });
  const config = resource<PkiConfigSpec>(resourceId(store, 'pki-config', mount), { mount, listSeconds: decade });
  const role: PkiBench['role'] = (usage, names, spec = {}) =>
    resource<PkiRoleSpec>(resourceId(store, 'pki-role', mount, pkiRoleName('local', usage)), {
      mount,
      role: pkiRoleName('local', usage),
      issuer: pkiIssuerName('local', 'intermediate'),
      usage,
      names,
      addresses: [],
      key: 'ecdsaP256',
      ttlSeconds: 30 * 86_400,
      maxTtlSeconds: 365 * 86_400,
      ...spec,
    });
  return {
    bench,
    main,
    mount,
    session,
    mounted,
    config,
    role,
    async applyAll(certificates) {
      const usages = [...new Set(certificates.map(({ spec }) => spec.usage))];
      const roles = usages.map((usage) =>
        role(
          usage,
          certificates
            .filter(({ spec }) => spec.usage === usage)
            .flatMap(({ spec }) => [...new Set([spec.commonName, ...spec.hosts])]),
        ),
      );
      const changes = [
        ...(await bench.mustApply(mountKind, main, [mounted])),
        ...(await bench.mustApply(pkiConfigKind, main, [config])),
        ...(await bench.mustApply(pkiRoleKind, main, roles)),
      ];
      const made = changes.map(({ id, action }) => `${action} ${id}`);
      return [...made, ...(await applyAuthority(bench, session, certificates))];
    },
  };
}

/** The authority `local` in a store; with a mount, in its PKI engine. */
export async function sessionIn(bench: StoreBench, name: string, mount?: string): Promise<AuthoritySession> {
  const { path } = authorityIn(name).root.spec;
  const spec = { name: 'local', store: name, path, ...(mount === undefined ? {} : { pki: { mount } }) };
  const answer = await bench.connect(authorityTarget, 'local', spec);
  if (answer.state !== 'present') {
    throw new Error(`authority local is ${answer.state}`);
  }
  return answer.seen;
}
