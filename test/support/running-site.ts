import type { TlsSpec } from '../../src/targets/postgres/postgres.spec.ts';
import type { PgSession } from '../../src/targets/postgres/session.ts';
import { postgresTarget } from '../../src/targets/postgres/target.ts';
import { issueCrl } from '../../src/authority/crl.ts';
import { type IssuedCertificate, issueIntermediate, issueLeaf, issueRoot } from '../../src/authority/issue.ts';
import type { SecretBackend } from '../../src/stores/backend.ts';
import { processId, processKind, processResource, siteBench, type SiteBench } from './local-site.ts';
import type { CleanUp } from './postgres.ts';
import { boxStore, put } from './postgres-bench.ts';

export interface RunningSite extends SiteBench {
  readonly store: SecretBackend;
  /** Connects to a server of the site, as an apply would. */
  connect(name: string): Promise<PgSession>;
}

/** A site with servers that run, as their `process` resources make them. */
export async function runningSite(t: CleanUp, ...names: readonly string[]): Promise<RunningSite> {
  const fixture = await siteBench(t);
  const store = await boxStore(fixture.bench);
  const startSettings = { wal_level: 'logical', wal_retrieve_retry_interval: '200ms' };
  await fixture.bench.mustApply(
    processKind,
    fixture.site,
    names.map((name) => processResource(name, { startSettings })),
  );
  return {
    ...fixture,
    store,
    async connect(name) {
      const answer = await fixture.bench.connect(postgresTarget, name, { name, process: processId(name) });
      if (answer.state !== 'present') {
        throw new Error(`${name} is ${answer.state}`);
      }
      t.after(() => answer.seen.close());
      return answer.seen;
    },
  };
}

const now = { now: () => new Date(), randomBytes: (length: number) => crypto.getRandomValues(new Uint8Array(length)) };
const year = 31_536_000_000;

export interface TestPki {
  readonly root: IssuedCertificate;
  readonly intermediate: IssuedCertificate;
}

export async function testPki(name = 'Local'): Promise<TestPki> {
  const key = 'ecdsaP256';
  const root = await issueRoot({ subject: { commonName: name }, ttlMilliseconds: 10 * year, key }, now);
  const intermediate = await issueIntermediate(
    { subject: { commonName: name }, ttlMilliseconds: year, key, issuer: root },
    now,
  );
  return { root, intermediate };
}

/** Issues a leaf and puts it into the store, as the authority does; answers version and fingerprint. */
export async function putLeaf(
  store: SecretBackend,
  path: string,
  { root, intermediate }: TestPki,
  leaf: { readonly usage: 'server' | 'client'; readonly hosts?: readonly string[]; readonly commonName?: string },
): Promise<{ readonly version: string; readonly fingerprint: string }> {
  const subject = leaf.commonName === undefined ? undefined : { commonName: leaf.commonName };
  const issued = await issueLeaf(
    {
      issuer: intermediate,
      usage: leaf.usage,
      hosts: leaf.hosts,
      subject,
      ttlMilliseconds: year / 12,
      key: 'ecdsaP256',
    },
    now,
  );
  const version = await put(store, path, {
    'tls.crt': issued.certificatePem + intermediate.certificatePem,
    'tls.key': issued.privateKey.expose(),
    'ca.crt': root.certificatePem,
  });
  return { version, fingerprint: issued.fingerprint };
}

/** Puts everything that a server's TLS needs into the store; answers the spec and the leaf's fingerprint. */
export async function putServerTls(
  store: SecretBackend,
  pki: TestPki,
  name: string,
): Promise<{ readonly spec: TlsSpec; readonly fingerprint: string }> {
  const path = `certificates/${name}`;
  const { version, fingerprint } = await putLeaf(store, path, pki, {
    usage: 'server',
    hosts: [`${name}.site-a.localhost`],
  });
  const crls = await Promise.all(
    [pki.root, pki.intermediate].map((issuer) => issueCrl({ issuer, revoked: [], number: 1 }, now)),
  );
  const bundle = await put(store, 'authority/bundle', { 'ca.crt': pki.root.certificatePem });
  const crl = await put(store, 'authority/crl', { 'crl.pem': crls.join('') });
  return {
    fingerprint,
    spec: {
      certificate: { store: 'box', path, version },
      bundle: { store: 'box', path: 'authority/bundle', version: bundle },
      crl: { store: 'box', path: 'authority/crl', version: crl },
      minVersion: 'TLSv1.3',
    },
  };
}
