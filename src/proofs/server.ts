import { readCertificate, readCertificateDer } from '../authority/certificate.ts';
import { issueLeaf, issueRoot } from '../authority/issue.ts';
import { readBundle } from '../authority/bundle.ts';
import { Secret } from '../model/secret.ts';
import { expectPlainRefusal } from './access-login.ts';
import { addressOf, login, type LoginRequest, trustOf } from './connect.ts';
import { handshake, type HandshakeAnswer } from './handshake.ts';
import type { Measurement } from '../model/claim.ts';
import { broken, held, keyOf, known, type Measurer, type ProofTools, unknown } from './measurer.ts';
import type { ServerProbeSpec } from './proofs.spec.ts';
import { asSuperuser } from './superuser.ts';

const superuser = 'postgres';

async function shake(
  spec: ServerProbeSpec,
  tools: ProofTools,
  options: { readonly host: string; readonly maxVersion?: 'TLSv1.2' },
): Promise<HandshakeAnswer> {
  return handshake({
    address: known(spec.endpoint.hostaddr),
    port: known(spec.endpoint.port),
    trust: await trustOf(spec.bundle, tools),
    signal: tools.signal,
    minVersion: 'TLSv1.2',
    ...options,
  });
}

/** The certificate that a client gets, under every name, is the one that the store holds. */
export const servedCertificateMeasurer: Measurer<ServerProbeSpec> = async (spec, tools) => {
  const stored = readCertificate(keyOf(await tools.entry(spec.certificate), 'tls.crt', spec.certificate).expose());
  let seen = '';
  for (const host of spec.hosts) {
    const answer = await shake(spec, tools, { host });
    if (answer.outcome === 'couldNotAsk') {
      return unknown(answer.why);
    }
    if (answer.outcome === 'plain') {
      return broken(`${addressOf(spec.endpoint)} speaks no TLS`, 'keywright apply');
    }
    if (answer.outcome === 'failed') {
      return broken(`as ${host}: ${answer.message}`, 'keywright apply');
    }
    const served = readCertificateDer(answer.certificate.raw);
    if (served.fingerprint !== stored.fingerprint) {
      return broken(
        `serves serial ${served.serial} of ${served.issuer.text}; the store holds serial ${stored.serial}`,
        'keywright apply',
      );
    }
    seen = `serial ${served.serial}, issuer ${served.issuer.text}, hosts ${served.hosts.join(' ')}, until ${served.notAfter.toISOString()}, ${answer.version}`;
  }
  return held(seen);
};

/** A name beside the server's own, which a certificate with a wildcard too wide would match. */
export const refusedWrongHostMeasurer: Measurer<ServerProbeSpec> = async (spec, tools) => {
  const own = known(spec.endpoint.host);
  const host = `elsewhere.${own.split('.').slice(1).join('.')}`;
  const answer = await shake(spec, tools, { host });
  switch (answer.outcome) {
    case 'secured':
      return broken(`the certificate is valid for ${host} too`, 'keywright apply');
    case 'failed':
      return answer.code === 'ERR_TLS_CERT_ALTNAME_INVALID'
        ? held(`as ${host}: ${answer.code}`)
        : unknown(`as ${host}, refused for another reason: ${answer.message}`);
    case 'plain':
      return unknown(`${addressOf(spec.endpoint)} speaks no TLS`);
    default:
      return unknown(answer.why);
  }
};

export const refusedOldTlsMeasurer: Measurer<ServerProbeSpec> = async (spec, tools) => {
  const answer = await shake(spec, tools, { host: known(spec.endpoint.host), maxVersion: 'TLSv1.2' });
  switch (answer.outcome) {
    case 'secured':
      return broken(`a handshake over ${answer.version} succeeded`, 'keywright apply');
    case 'failed':
      return /protocol|PROTOCOL_VERSION|alert/i.test(`${answer.code} ${answer.message}`)
        ? held(`TLS 1.2: ${answer.code}`)
        : unknown(`TLS 1.2, refused for another reason: ${answer.message}`);
    case 'plain':
      return unknown(`${addressOf(spec.endpoint)} speaks no TLS`);
    default:
      return unknown(answer.why);
  }
};

/** A certificate that must be refused by its own looks: any answer past the handshake shows that it was accepted. */
async function presentAndExpect(
  spec: ServerProbeSpec,
  tools: ProofTools,
  certificate: NonNullable<LoginRequest['certificate']>,
  alert: RegExp,
  what: string,
): ReturnType<Measurer<ServerProbeSpec>> {
  const answer = await login(
    {
      endpoint: spec.endpoint,
      user: superuser,
      database: superuser,
      certificate,
      // Where a rule asks for one after the handshake, the answer still shows that the certificate was accepted.
      password: new Secret('wrong'),
      trust: await trustOf(spec.bundle, tools),
    },
    tools,
  );
  if (answer.outcome === 'couldNotAsk') {
    return unknown(answer.why);
  }
  if (answer.outcome === 'refused' && alert.test(answer.code)) {
    return held(`${what}: ${answer.code}`);
  }
  return answer.outcome === 'refused' && !/^\d/.test(answer.code)
    ? unknown(`${what} was refused for another reason: ${answer.message}`)
    : broken(`${what} was accepted`, 'keywright apply');
}

export const refusedOtherAuthorityMeasurer: Measurer<ServerProbeSpec> = async (spec, tools) => {
  const { environment } = tools.run;
  const subject = { commonName: 'keywright other authority' };
  const root = await issueRoot({ subject, ttlMilliseconds: 3_600_000, key: 'ecdsaP256' }, environment);
  const leaf = await issueLeaf(
    {
      issuer: root,
      subject: { commonName: superuser },
      usage: 'client',
      ttlMilliseconds: 600_000,
      key: 'ecdsaP256',
    },
    environment,
  );
  const certificate = { certificate: leaf.certificatePem, key: leaf.privateKey };
  const presented = await presentAndExpect(
    spec,
    tools,
    certificate,
    /UNKNOWN_CA$/,
    'a certificate of another authority',
  );
  return presented.verdict === 'held' ? expectOnlyOurs(spec, tools, presented.seen) : presented;
};

/** The authority presented is new to everybody: that a server trusts a certain other one shows only in its files. */
async function expectOnlyOurs(spec: ServerProbeSpec, tools: ProofTools, seen: string): Promise<Measurement> {
  const ours = new Set(readBundle(await trustOf(spec.bundle, tools)).map(({ fingerprint }) => fingerprint));
  const client = await asSuperuser(spec.endpoint, superuser, tools);
  const { rows } = await client.query<{ file: string; text: string }>(
    `SELECT current_setting('ssl_ca_file') AS file, pg_read_file(current_setting('ssl_ca_file')) AS text`,
  );
  const [{ file, text } = { file: '', text: '' }] = rows;
  const trusted = readBundle(text, file);
  const foreign = trusted.find(({ fingerprint }) => !ours.has(fingerprint));
  return foreign === undefined
    ? held(`${seen}; trusts ${trusted.map(({ subject }) => subject.text).join(', ')}`)
    : broken(`trusts ${foreign.subject.text} too (${file})`, 'keywright apply');
}

export const refusedRevokedMeasurer: Measurer<ServerProbeSpec> = async (spec, tools) => {
  const ref = spec.revoked;
  if (ref === undefined) {
    return unknown('the claim names no revoked certificate');
  }
  const entry = await tools.entry(ref);
  const pem = keyOf(entry, 'tls.crt', ref).expose();
  const certificate = { certificate: pem, key: keyOf(entry, 'tls.key', ref) };
  const serial = readBundle(pem)[0]?.serial ?? 'unknown';
  return presentAndExpect(spec, tools, certificate, /CERTIFICATE_REVOKED$/, `the revoked certificate ${serial}`);
};

/** The superuser comes in by peer over the socket; over the network no rule may even ask for a password. */
export const superuserSocketOnlyMeasurer: Measurer<ServerProbeSpec> = async (spec, tools) => {
  const request = {
    endpoint: spec.endpoint,
    user: superuser,
    database: superuser,
    password: new Secret('wrong'),
    trust: await trustOf(spec.bundle, tools),
  };
  const answer = await login(request, tools);
  if (answer.outcome === 'couldNotAsk') {
    return unknown(answer.why);
  }
  const mend = 'keywright apply writes pg_hba.conf anew';
  if (answer.outcome === 'in') {
    return broken(`${superuser} logged in over TCP`, mend);
  }
  if (answer.code === '28000' && /no pg_hba\.conf entry|rejects connection/.test(answer.message)) {
    return held(answer.message);
  }
  return answer.code.startsWith('28')
    ? broken(`a rule admits ${superuser} over TCP: ${answer.message}`, mend)
    : unknown(answer.message);
};

/** Somebody whom no rule names: a rule for everybody without TLS would be found by this one. */
export const refusedPlainAnybodyMeasurer: Measurer<ServerProbeSpec> = async (spec, tools) => {
  const suffix = Buffer.from(tools.run.environment.randomBytes(4)).toString('hex');
  const request = {
    endpoint: spec.endpoint,
    user: `keywright_nobody_${suffix}`,
    database: superuser,
    password: new Secret(suffix),
  };
  return expectPlainRefusal(request, tools);
};
