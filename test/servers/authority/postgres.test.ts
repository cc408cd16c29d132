import assert from 'node:assert/strict';
import test from 'node:test';
import type { X509Certificate } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { joinBundle } from '../../../src/authority/bundle.ts';
import { decimalSerial, readCertificate } from '../../../src/authority/certificate.ts';
import { issueCrl } from '../../../src/authority/crl.ts';
import type { IssuedCertificate, Issuer, LeafRequest } from '../../../src/authority/issue.ts';
import { validatePath, validateTrust } from '../../../src/authority/validate.ts';
import { hierarchy, leafOf } from '../../support/certificate-cases.ts';
import type { TestHierarchy } from '../../support/certificate-cases.ts';
import { expired, forge, serverLeaf as serverLeafProfile } from '../../support/forged-certificates.ts';
import { hostCases } from '../../support/host-cases.ts';
import { postgresMissing, startPostgres } from '../../support/postgres.ts';
import type { PostgresServer } from '../../support/postgres.ts';

const role = 'orders_app';
const host = 'orders.site-a.localhost';
const tlsSettings = { ssl: true, ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' };

test('PostgreSQL with certificates of ours', { skip: postgresMissing }, async (t) => {
  const client = (issuer: Issuer, request: Partial<LeafRequest> = {}): Promise<IssuedCertificate> =>
    leafOf(issuer, { usage: 'client', hosts: [], subject: { commonName: role }, ...request });

  const ours = await hierarchy('infra');
  const other = await hierarchy('infra');
  const serverLeaf = await leafOf(ours.intermediate, { hosts: [host, '127.0.0.1'] });
  const revokedClient = await client(ours.intermediate);
  const crls = await crlsOf(ours, [revokedClient.serial]);
  const server = await startPostgres(t, {
    settings: { ...tlsSettings, ssl_ca_file: 'ca.crt', ssl_crl_file: 'ca.crl', ssl_min_protocol_version: 'TLSv1.3' },
    hba: [`hostssl all ${role} 127.0.0.1/32 cert`],
    files: {
      'server.crt': serverLeaf.certificatePem + ours.intermediate.certificatePem,
      'server.key': serverLeaf.privateKey.expose(),
      'ca.crt': ours.root.certificatePem,
      'ca.crl': crls,
    },
  });
  await server.query(`CREATE ROLE ${role} LOGIN`);

  const chainOf = (leaf: Issuer, issuer: Issuer = ours.intermediate): Presented => ({
    cert: leaf.certificatePem + issuer.certificatePem,
    key: leaf.privateKey.expose(),
  });
  const logIn = (presented: Presented | Nobody, trusted = ours.root.certificatePem, name = host): Promise<LoggedIn> =>
    logInTo(server, presented, trusted, name);

  await t.test('what we judge good starts a server and logs a client in, verify-full and TLS 1.3', async () => {
    const leaf = await client(ours.intermediate);
    for (const [purpose, { cert }, hosts] of [
      ['server', chainOf(serverLeaf), [host, '127.0.0.1']],
      ['client', chainOf(leaf), []],
    ] as const) {
      const question = { presented: cert, trusted: ours.root.certificatePem, purpose, hosts, crls };
      assert.deepEqual(validatePath(question, new Date()), []);
    }
    const seen = await logIn(chainOf(leaf));
    assert.deepEqual(seen, { user: role, version: 'TLSv1.3', serial: decimalSerial(leaf.serial) });
    assert.equal((await logIn(chainOf(leaf), undefined, '127.0.0.1')).user, role);
  });

  await t.test('a client is logged in with every kind of key', async () => {
    for (const key of ['ecdsaP256', 'ecdsaP384', 'rsa2048'] as const) {
      assert.equal((await logIn(chainOf(await client(ours.intermediate, { key })))).user, role);
    }
  });

  await t.test('a client of another CA is refused, though that CA has the same common name', async () => {
    const leaf = await client(other.intermediate);
    await assert.rejects(logIn(chainOf(leaf, other.intermediate)), { code: /ALERT_UNKNOWN_CA$/ });
  });

  await t.test('a revoked client is refused, and we knew', async () => {
    await assert.rejects(logIn(chainOf(revokedClient)), { code: /ALERT_CERTIFICATE_REVOKED$/ });
    const { cert } = chainOf(revokedClient);
    const question = { presented: cert, trusted: ours.root.certificatePem, purpose: 'client', crls } as const;
    assert.deepEqual(reasonsOf(validatePath(question, new Date())), ['revoked']);
  });

  await t.test('an expired client is refused', async () => {
    const leaf = await forge({
      ...serverLeafProfile,
      ...expired,
      name: role,
      issuer: ours.intermediate,
      extendedKeyUsages: ['1.3.6.1.5.5.7.3.2'],
    });
    await assert.rejects(logIn(chainOf(leaf)), { code: /ALERT_CERTIFICATE_EXPIRED$/ });
  });

  await t.test('a server certificate does not log a client in', async () => {
    const leaf = await leafOf(ours.intermediate, { usage: 'server', subject: { commonName: role } });
    await assert.rejects(logIn(chainOf(leaf)), { code: /ALERT_UNSUPPORTED_CERTIFICATE$/ });
  });

  await t.test('a certificate of another role does not log this one in', async () => {
    const leaf = await client(ours.intermediate, { subject: { commonName: 'reports' } });
    await assert.rejects(logIn(chainOf(leaf)), { code: '28000' });
  });

  await t.test('a client that trusts another CA refuses the server', async () => {
    const leaf = await client(ours.intermediate);
    await assert.rejects(logIn(chainOf(leaf), other.root.certificatePem), {
      code: /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT/,
    });
  });

  await t.test('a client refuses the server under a name that it is not certified for', async () => {
    const leaf = await client(ours.intermediate);
    await assert.rejects(logIn(chainOf(leaf), undefined, 'orders.site-b.localhost'), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  await t.test('libpq refuses a server of another CA', async () => {
    await server.query('CREATE EXTENSION dblink');
    const leaf = await client(ours.intermediate);
    await server.writeFile('client.crt', chainOf(leaf).cert);
    await server.writeFile('client.key', leaf.privateKey.expose());
    await server.writeFile('other.crt', other.root.certificatePem);
    const files = { sslcert: 'client.crt', sslkey: 'client.key' };
    assert.equal(await libpqRefusal(server, host, { ...files, sslrootcert: 'ca.crt' }), undefined);
    const refusal = await libpqRefusal(server, host, { ...files, sslrootcert: 'other.crt' });
    assert.match(refusal ?? '', /certificate verify failed/);
  });

  await t.test('a server whose certificate expired is refused, and we knew', async (t) => {
    const leaf = await forge({
      ...serverLeafProfile,
      ...expired,
      name: host,
      issuer: ours.intermediate,
      dnsNames: [host],
    });
    const { cert, key } = chainOf(leaf);
    const question = { presented: cert, trusted: ours.root.certificatePem, purpose: 'server', hosts: [host] } as const;
    assert.deepEqual(reasonsOf(validatePath(question, new Date())), ['expired']);
    const late = await startPostgres(t, {
      settings: tlsSettings,
      files: { 'server.crt': cert, 'server.key': key },
    });
    const nobody = { cert: undefined, key: undefined };
    await assert.rejects(logInTo(late, nobody, ours.root.certificatePem, host), { code: 'CERT_HAS_EXPIRED' });
  });

  await t.test('what we judge unreadable or mismatched keeps a server from starting', async (t) => {
    const { cert, key } = chainOf(serverLeaf);
    const stranger = await leafOf(ours.intermediate);
    const question = {
      presented: cert,
      trusted: ours.root.certificatePem,
      purpose: 'server',
      privateKey: stranger.privateKey,
    } as const;
    assert.deepEqual(reasonsOf(validatePath(question, new Date())), ['key-mismatch']);
    const damaged = `${ours.root.certificatePem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`;
    assert.deepEqual(reasonsOf(validateTrust({ trusted: damaged }, new Date())), ['unreadable']);
    const settings = { ...tlsSettings, ssl_ca_file: 'ca.crt' };
    const files = { 'server.crt': cert, 'server.key': key, 'ca.crt': ours.root.certificatePem };
    await startPostgres(t, { settings, files });
    for (const bad of [
      { 'server.key': stranger.privateKey.expose() },
      { 'ca.crt': damaged },
      { 'ca.crt': '' },
      { 'server.crt': '' },
    ]) {
      await assert.rejects(startPostgres(t, { settings, files: { ...files, ...bad } }), /FATAL/);
    }
  });

  await t.test('a CA in the bundle without a revocation list locks its clients out, and we knew', async (t) => {
    const trusted = joinBundle([ours.root.certificatePem, other.root.certificatePem]);
    const start = async (lists: string): Promise<PostgresServer> => {
      const started = await startPostgres(t, {
        settings: { ...tlsSettings, ssl_ca_file: 'ca.crt', ssl_crl_file: 'ca.crl' },
        hba: [`hostssl all ${role} 127.0.0.1/32 cert`],
        files: {
          'server.crt': chainOf(serverLeaf).cert,
          'server.key': chainOf(serverLeaf).key,
          'ca.crt': trusted,
          'ca.crl': lists,
        },
      });
      await started.query(`CREATE ROLE ${role} LOGIN`);
      return started;
    };
    const young = chainOf(await client(other.intermediate), other.intermediate);
    const old = chainOf(await client(ours.intermediate));
    assert.deepEqual(reasonsOf(validateTrust({ trusted, crls }, new Date())), ['crl-missing']);
    const incomplete = await start(crls);
    assert.equal((await logInTo(incomplete, old, ours.root.certificatePem, host)).user, role);
    await assert.rejects(logInTo(incomplete, young, ours.root.certificatePem, host), {
      code: /ALERT_UNKNOWN_CA$/,
    });
    // Both generations, each with its lists: the state in the middle of a rotation.
    const all = crls + (await crlsOf(other));
    assert.deepEqual(validateTrust({ trusted, crls: all }, new Date()), []);
    const complete = await start(all);
    for (const presented of [old, young]) {
      assert.equal((await logInTo(complete, presented, ours.root.certificatePem, host)).user, role);
    }
  });

  await t.test('after a reload the server serves the renewed certificate', async () => {
    const renewed = await leafOf(ours.intermediate, { hosts: [host, '127.0.0.1'] });
    await serve(server, chainOf(renewed).cert, renewed.privateKey.expose(), ours.root.certificatePem);
  });
});

test('libpq 18 matches hosts as we say', { skip: postgresMissing }, async (t) => {
  const root = await forge({ name: 'root' });
  const first = await forge({ ...serverLeafProfile, name: 'first', issuer: root });
  const server = await startPostgres(t, {
    settings: tlsSettings,
    hba: [`hostssl all ${role} 127.0.0.1/32 trust`],
    files: {
      'server.crt': first.certificatePem,
      'server.key': first.privateKey.expose(),
      'root.crt': root.certificatePem,
    },
  });
  await server.query(`CREATE ROLE ${role} LOGIN; CREATE EXTENSION dblink`);
  for (const [sentence, { dns, ip, commonName = 'server' }, asked, accepted] of hostCases) {
    await t.test(`${sentence}: ${accepted ? 'accepted' : 'refused'}`, async () => {
      const forgery = { ...serverLeafProfile, name: commonName, dnsNames: dns, ipAddresses: ip, issuer: root };
      const leaf = await forge(forgery);
      await serve(server, leaf.certificatePem, leaf.privateKey.expose(), root.certificatePem);
      const refusal = await libpqRefusal(server, asked, { sslrootcert: 'root.crt' });
      if (accepted) {
        assert.equal(refusal, undefined);
      } else {
        assert.match(refusal ?? '', /does not match host name|server certificate for/);
      }
    });
  }
});

interface Presented {
  readonly cert: string;
  readonly key: string;
}

/** A client without a certificate. */
interface Nobody {
  readonly cert: undefined;
  readonly key: undefined;
}

interface LoggedIn {
  readonly user: string;
  readonly version: string;
  readonly serial: string;
}

async function logInTo(
  server: PostgresServer,
  { cert, key }: Presented | Nobody,
  ca: string,
  name: string,
): Promise<LoggedIn> {
  const { Client } = (await import('pg')).default;
  // A name is checked through `servername`, an address by being connected to.
  const ssl = name === server.host ? { ca, cert, key } : { ca, cert, key, servername: name };
  const client = new Client({ host: server.host, port: server.port, user: role, database: 'postgres', ssl });
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<LoggedIn>(
      'SELECT current_user AS user, version, client_serial::text AS serial FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    );
    return rows[0] as LoggedIn;
  } finally {
    await client.end();
  }
}

/** Gives the server another certificate and waits until it serves that one. */
async function serve(server: PostgresServer, cert: string, key: string, ca: string): Promise<void> {
  await server.writeFile('server.key', key);
  await server.writeFile('server.crt', cert);
  server.reload();
  const { fingerprint } = readCertificate(cert);
  const deadline = Date.now() + 10_000;
  while ((await servedFingerprint(server, ca)) !== fingerprint) {
    assert.ok(Date.now() < deadline, 'the old certificate is still served');
    await delay(5);
  }
}

/** Logs in with the libpq that dblink brings into the server; what it says when it refuses the server's certificate. */
async function libpqRefusal(
  server: PostgresServer,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const fields = {
    host: name,
    hostaddr: server.host,
    port: server.port,
    user: role,
    dbname: 'postgres',
    sslmode: 'verify-full',
    ...Object.fromEntries(Object.entries(files).map(([field, file]) => [field, `${server.dataDirectory}/${file}`])),
  };
  const target = Object.entries(fields)
    .map(([field, value]) => `${field}='${value}'`)
    .join(' ');
  try {
    await server.query('SELECT * FROM dblink($1, $2) AS found(one int)', [target, 'SELECT 1']);
    return undefined;
  } catch (error) {
    const { message, detail } = error as Error & { detail?: string };
    return `${message} ${detail ?? ''}`;
  }
}

async function servedFingerprint(server: PostgresServer, ca: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = {
    host: server.host,
    port: server.port,
    ca,
    checkServerIdentity: () => undefined,
    ALPNProtocols: ['postgresql'],
  };
  const socket = connect(options, () => {
    const x509 = socket.getPeerX509Certificate() as X509Certificate;
    resolve(x509.fingerprint256.replaceAll(':', '').toLowerCase());
  });
  socket.on('error', reject);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

async function crlsOf({ root, intermediate }: TestHierarchy, revoked: readonly string[] = []): Promise<string> {
  const now = new Date();
  const environment = { now: () => now };
  const entries = revoked.map((serial) => ({ serial, at: now }));
  return (
    (await issueCrl({ issuer: root, revoked: [], number: 1 }, environment)) +
    (await issueCrl({ issuer: intermediate, revoked: entries, number: 1 }, environment))
  );
}

function reasonsOf(findings: readonly { readonly reason: string }[]): string[] {
  return findings.map(({ reason }) => reason);
}
