import type { ApplyContext, InventoryRecord, ReadyChange, ResourceKind, RunContext } from '../../engine/interfaces.ts';
import { absent, type Answer, present } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { causeOf, Failure } from '../../model/failure.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { Secret } from '../../model/secret.ts';
import { vaultClientOf } from '../../stores/vault/client-of.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { asText } from '../../stores/vault/reply.ts';
import { ownFields, readConfig } from '../vault/database-config.ts';
import { mountedAt } from '../vault/mounted.ts';
import { oneByOne, type Outcome } from './bulk.ts';
import { readPasswords } from './passwords.ts';
import type { EngineLoginSpec } from './postgres.spec.ts';
import { resolved } from './resolved.ts';
import { keepOutOfLogs } from './role-apply.ts';
import { idsOf } from './role.ts';
import { scramVerifier, verifierFingerprint } from './scram.ts';
import type { PgSession } from './session.ts';
import { ident, literal } from './sql.ts';

export interface EngineLoginSeen {
  /** Fingerprint of the role's password; null: it has none. */
  readonly password: string | null;
  /** Fingerprint of the password that the engine has made for itself; empty: none yet. */
  readonly known: string;
}

/**
 * `postgres/<name>/engine-login/<store>/<database>`: see `postgres.spec.ts`. The two sides are compared with one another,
 * so a lost inventory says nothing; a run that is killed at any line leaves two sides that differ, and the next begins
 * again.
 */
export const engineLoginKind: ResourceKind<PgSession, EngineLoginSpec, EngineLoginSeen> = {
  kind: 'engine-login',
  targetKind: 'postgres',
  onRemoval: 'remove',
  ownership: 'file',

  async observe(session, wanted, recorded, context) {
    const { roles } = await session.cluster();
    const specs = new Map(wanted.map(({ id, spec }) => [id, spec]));
    const made = new Set(recorded.filter(({ state }) => state === 'present').map(({ id }) => id));
    const answers = new Map<ResourceId, Answer<EngineLoginSeen>>();
    for (const id of idsOf(wanted, recorded)) {
      const spec = specs.get(id);
      const known = spec === undefined ? undefined : await knownTo(spec, context);
      // Role and connection are removed by themselves: with nobody who wants them to agree, nothing is left to look at.
      const isThere = spec !== undefined && known !== undefined && (known !== '' || made.has(id));
      answers.set(id, isThere ? present({ known, password: roles.get(spec.role)?.password ?? null }) : absent);
    }
    return answers;
  },

  diff: diffEngineLogin,

  outputs: () => ({}),

  apply: (session, changes, io) => oneByOne(io, changes, (change) => handOver(session, change, io)),
};

/** What the configuration of the connection says; undefined: there is no such connection, or it has been given none. */
async function knownTo(spec: EngineLoginSpec, context: RunContext): Promise<string | undefined> {
  const name = connectionName(spec, context);
  const client = vaultClientOf(await context.store(spec.store), spec.store);
  if (name === undefined || !(await mountedAt(client, 'sys/mounts')).has(spec.mount)) {
    return undefined;
  }
  const reply = await client.readIfPresent(`${spec.mount}/config/${name}`);
  return reply === undefined ? undefined : asText(readConfig(reply.data).details[ownFields.login]);
}

function connectionName({ connection }: EngineLoginSpec, context: RunContext): string | undefined {
  if (typeof connection === 'string') {
    return connection;
  }
  const name = context.output(connection.from, connection.output);
  return typeof name === 'string' ? name : undefined;
}

function diffEngineLogin(
  wanted: Resource<EngineLoginSpec> | undefined,
  seen: EngineLoginSeen | undefined,
  recorded: InventoryRecord | undefined,
): Change {
  const id = (wanted?.id ?? recorded?.id) as ResourceId;
  if (wanted === undefined) {
    return { id, action: 'remove', fields: [], reason: 'left the fleet' };
  }
  const field = 'password';
  if (seen === undefined) {
    return { id, action: 'create', fields: [{ field, after: 'known to the engine alone' }] };
  }
  const fields: FieldChange[] = [];
  if (seen.known === '') {
    fields.push({ field, after: 'known to the engine alone', note: 'not handed over for this entrance' });
  } else if (seen.password !== seen.known) {
    fields.push({ field, note: seen.password === null ? 'taken away by hand' : 'changed by hand' });
  }
  return { id, action: fields.length === 0 ? 'none' : 'update', fields };
}

/** Gives the engine a password, has it log in with that, and has it replace it by one that it tells nobody. */
async function handOver(
  session: PgSession,
  { resource, change }: ReadyChange<EngineLoginSpec, EngineLoginSeen>,
  io: ApplyContext,
): Promise<Outcome> {
  if (resource === undefined) {
    return { done: undefined };
  }
  const { spec } = resource;
  const client = vaultClientOf(await io.store(spec.store), spec.store);
  const { secret, version } = (await readPasswords(io, [spec.first]))(spec.first);
  const first = await setPassword(session, spec.role, secret, io);
  const name = resolved(spec.connection);
  const config = `${spec.mount}/config/${name}`;
  io.guard();
  await logIn(session, client, config, { [ownFields.login]: '', password: secret }, spec.role);
  io.guard();
  await client.request({ method: 'POST', path: `${spec.mount}/rotate-root/${name}`, body: {} });
  const own = await storedFingerprint(session, spec.role);
  if (own === undefined || own === first) {
    throw new Failure({
      code: 'engine-not-rotated',
      message: `${spec.role} has the same password as before, although store ${spec.store} says that it was replaced`,
      object: change.id,
      remedy: 'look at the root_rotation_statements of the connection, then keywright apply',
    });
  }
  io.guard();
  await logIn(session, client, config, { [ownFields.login]: own }, spec.role);
  return { done: { fingerprint: own, version } };
}

async function setPassword(session: PgSession, role: string, password: Secret, io: ApplyContext): Promise<string> {
  const verifier = await scramVerifier(password, (length) => io.environment.randomBytes(length));
  io.guard();
  await session.transaction('postgres', async (send) => {
    await keepOutOfLogs(send);
    await send(`ALTER ROLE ${ident(role)} WITH PASSWORD ${literal(verifier)}`);
  });
  return verifierFingerprint(verifier);
}

async function storedFingerprint(session: PgSession, role: string): Promise<string | undefined> {
  session.forget();
  return (await session.cluster()).roles.get(role)?.password ?? undefined;
}

/** Writes to the connection, which the engine takes only when it could log in with what it then has. */
async function logIn(session: PgSession, client: VaultClient, path: string, body: object, role: string): Promise<void> {
  try {
    await client.request({ method: 'POST', path, body: { ...body, verify_connection: true }, repeat: 'safe' });
  } catch (error) {
    const said = causeOf(error);
    const reason = reasons.find(({ pattern }) => pattern.test(said));
    if (!(error instanceof Failure) || !said.includes('error creating database object')) {
      throw error;
    }
    throw new Failure({
      code: 'engine-cannot-connect',
      message: `the database engine of store ${client.store} cannot log in to postgres/${session.name} as ${role}: ${said}`,
      object: `store/${client.store}`,
      ...(reason === undefined ? {} : { why: reason.why, remedy: reason.remedy }),
      cause: error,
    });
  }
}

const reasons: readonly { readonly pattern: RegExp; readonly why: string; readonly remedy: string }[] = [
  {
    pattern: /unable to read CA file/,
    why: 'the server reads the roots from a file, as its own account and on its own machine',
    remedy: 'let the account of the server read that file and enter the folders above it',
  },
  {
    pattern: /connection refused|no route to host|i\/o timeout|network is unreachable/,
    why: 'a PostgreSQL of a local site listens on this machine alone',
    remedy: 'use a store that runs on this machine, or a static credential',
  },
  {
    pattern: /certificate|x509/,
    why: 'the certificate of PostgreSQL must be of the authority in that file, and for that address',
    remedy: 'keywright apply, then keywright verify: it says which certificate is served',
  },
];
