import type { Client } from 'pg';
import { Secret } from '../model/secret.ts';
import { addressOf, login, type LoginAnswer, type LoginRequest, trustOf } from './connect.ts';
import { broken, held, keyOf, type Measurer, type ProofTools, unknown } from './measurer.ts';
import type { AccessProbeSpec } from './proofs.spec.ts';

/** The login of an access with what its consumers read, and a sentence that says where the credential came from. */
async function accessLogin(
  spec: AccessProbeSpec,
  tools: ProofTools,
): Promise<{ readonly request: LoginRequest; readonly source: string }> {
  const { entry: ref, method } = spec.credential;
  const entry = await tools.entry(ref);
  const user = keyOf(entry, 'username', ref).expose();
  const source = `${method} from ${ref.store}/${ref.path}`;
  const common = { endpoint: spec.endpoint, user, database: spec.database, trust: await trustOf(spec.bundle, tools) };
  if (method === 'password') {
    return { request: { ...common, password: keyOf(entry, 'password', ref) }, source };
  }
  const certificate = { certificate: keyOf(entry, 'tls.crt', ref).expose(), key: keyOf(entry, 'tls.key', ref) };
  return { request: { ...common, certificate }, source };
}

/** Runs `work` logged in as the access; a login that fails leaves the claim unknown, since `login` tells that. */
export async function asAccess(
  spec: AccessProbeSpec,
  tools: ProofTools,
  work: (client: Client, source: string) => ReturnType<Measurer<AccessProbeSpec>>,
): ReturnType<Measurer<AccessProbeSpec>> {
  const { request, source } = await accessLogin(spec, tools);
  const answer = await login(request, tools);
  if (answer.outcome !== 'in') {
    return unknown(answer.outcome === 'refused' ? `the login was refused: ${answer.message}` : answer.why);
  }
  return work(answer.client, source);
}

interface Session {
  readonly session: string;
  readonly current: string;
  readonly member: boolean;
}

/** Logs in over TLS with the name verified, as the role that the fleet means. */
export const loginMeasurer: Measurer<AccessProbeSpec> = async (spec, tools) => {
  const { request, source } = await accessLogin(spec, tools);
  const answer = await login(request, tools);
  if (answer.outcome === 'couldNotAsk') {
    return unknown(answer.why);
  }
  if (answer.outcome === 'refused') {
    return broken(`${request.user} was refused: ${answer.message}; ${source}`, 'keywright apply');
  }
  const { rows } = await answer.client.query<Session>(
    `SELECT session_user AS session, current_user AS current,
       EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)
         AND pg_catalog.pg_has_role(session_user, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1), 'MEMBER') AS member`,
    [spec.group],
  );
  const [session] = rows;
  if (session === undefined) {
    return unknown('the server did not say who is logged in');
  }
  const expected = spec.expectRole ?? request.user;
  if (session.current !== expected) {
    return broken(
      `logged in as ${session.session} but acts as ${session.current} instead of ${expected}`,
      'keywright apply',
    );
  }
  if (!session.member) {
    return broken(`${session.session} is not a member of ${spec.group}`, `GRANT ${spec.group} TO ${session.session};`);
  }
  // A login of class owner acts as the owner from its start, and its own session shows only to the login itself.
  await answer.client.query('SET ROLE NONE');
  const { rows: tls } = await answer.client.query<{ version: string | null }>(
    'SELECT version FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()',
  );
  return held(`${session.session} over ${tls[0]?.version}, verified as ${addressOf(spec.endpoint)}; ${source}`);
};

/** A login that must not succeed: what was asked, and which answers count as the refusal that is meant. */
async function expectRefusal(
  request: LoginRequest,
  tools: ProofTools,
  means: (answer: Extract<LoginAnswer, { outcome: 'refused' }>) => boolean,
  words: { readonly tried: string; readonly mend: string },
): ReturnType<Measurer<AccessProbeSpec>> {
  const answer = await login(request, tools);
  if (answer.outcome === 'in') {
    return broken(`${words.tried} succeeded as ${request.user}`, words.mend);
  }
  if (answer.outcome === 'couldNotAsk') {
    return unknown(answer.why);
  }
  return means(answer)
    ? held(`${words.tried}: ${answer.message}`)
    : unknown(`${words.tried} was refused for another reason: ${answer.message}`);
}

/** `no pg_hba.conf entry`, and the like: the rules let nobody in this way. */
const noRule = '28000';

export const refusedPlainMeasurer: Measurer<AccessProbeSpec> = async (spec, tools) => {
  const { request } = await accessLogin(spec, tools);
  const plain = { ...request, trust: undefined, certificate: undefined };
  return expectPlainRefusal(plain, tools);
};

/** Without TLS a rule must not even be found: one that asks for a password has already let the client in unencrypted. */
export async function expectPlainRefusal(
  request: LoginRequest,
  tools: ProofTools,
): ReturnType<Measurer<AccessProbeSpec>> {
  const answer = await login(request, tools);
  if (answer.outcome === 'couldNotAsk') {
    return unknown(answer.why);
  }
  const mend = 'keywright apply writes pg_hba.conf anew, with hostssl rules alone';
  if (answer.outcome === 'in') {
    return broken(`a connection without TLS succeeded as ${request.user}`, mend);
  }
  return answer.code === noRule && /no pg_hba\.conf entry|rejects connection/.test(answer.message)
    ? held(answer.message)
    : broken(`a rule admits connections without TLS: ${answer.message}`, mend);
}

export const refusedWrongPasswordMeasurer: Measurer<AccessProbeSpec> = async (spec, tools) => {
  const { request } = await accessLogin(spec, tools);
  const password = new Secret(Buffer.from(tools.run.environment.randomBytes(24)).toString('base64url'));
  return expectRefusal({ ...request, password }, tools, ({ code }) => code === '28P01', {
    tried: 'a login with a wrong password',
    mend: 'keywright apply writes pg_hba.conf anew',
  });
};

export const refusedWithoutCertificateMeasurer: Measurer<AccessProbeSpec> = async (spec, tools) => {
  const { request } = await accessLogin(spec, tools);
  return expectRefusal(
    { ...request, certificate: undefined },
    tools,
    // Any answer that lets the client go on to a password is not the demand for a certificate.
    ({ code, message }) => code === noRule && /certificate/.test(message),
    { tried: 'a login without a certificate', mend: 'keywright apply writes pg_hba.conf anew' },
  );
};

export const refusedOtherDatabaseMeasurer: Measurer<AccessProbeSpec> = async (spec, tools) => {
  const { request } = await accessLogin(spec, tools);
  const database = spec.otherDatabase ?? 'postgres';
  return expectRefusal({ ...request, database }, tools, ({ code }) => code === noRule || code === '42501', {
    tried: `entering ${database}`,
    mend: 'keywright apply writes pg_hba.conf anew',
  });
};
