import type { Client } from 'pg';
import { parseResourceId } from '../model/ids.ts';
import { vaultClientOf } from '../stores/vault/client-of.ts';
import { asText } from '../stores/vault/reply.ts';
import { readMark } from '../targets/process/mark.ts';
import { ownFields, readConfig } from '../targets/vault/database-config.ts';
import { login, trustOf } from './connect.ts';
import { broken, held, keyOf, type Measurer, unknown } from './measurer.ts';
import type { EngineProbeSpec } from './proofs.spec.ts';
import { asSuperuser } from './superuser.ts';

/**
 * The role of a database engine: refused with the password that it was given at first, its present one known to the engine
 * alone, and no more in its hands than the groups of its accesses.
 */
export const engineLoginRotatedMeasurer: Measurer<EngineProbeSpec> = async (spec, tools) => {
  const { engine, first, role } = spec;
  const password = keyOf(await tools.entry(first), 'password', first);
  const trust = await trustOf(spec.bundle, tools);
  const answer = await login({ endpoint: spec.endpoint, user: role, database: spec.database, password, trust }, tools);
  if (answer.outcome === 'couldNotAsk') {
    return unknown(answer.why);
  }
  if (answer.outcome === 'in') {
    return broken(`${role} logs in with the password in ${first.store}/${first.path}`, 'keywright apply');
  }
  if (answer.code !== '28P01') {
    return unknown(`${role} was refused for another reason than its password: ${answer.message}`);
  }
  const client = vaultClientOf(await tools.run.store(engine.store), engine.store);
  const reply = await client.readIfPresent(`${engine.mount}/config/${engine.connection}`);
  const knows = reply === undefined ? '' : asText(readConfig(reply.data).details[ownFields.login]);
  const superuser = await asSuperuser(spec.endpoint, 'postgres', tools);
  const seen = await roleOf(superuser, role);
  const mayMore = (await groupsOf(superuser, role, tools.run.fleet)).filter((group) => !spec.groups.includes(group));
  const faults = [
    ...(seen?.password === knows ? [] : ['its password is not the one that the engine has made for itself']),
    ...(seen?.more === true ? ['it may do more than make logins'] : []),
    ...(mayMore.length === 0 ? [] : [`it is a member of ${mayMore.join(', ')} too`]),
  ];
  return faults.length === 0
    ? held(`${role} is refused with its first password, and makes logins of ${spec.groups.join(', ')} alone`)
    : broken(`${role}: ${faults.join('; ')}`, 'keywright apply');
};

async function roleOf(
  client: Client,
  role: string,
): Promise<{ readonly password: string | null; readonly more: boolean } | undefined> {
  const { rows } = await client.query<{ password: string | null; more: boolean }>(
    `SELECT encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex') AS password,
            rolsuper OR rolcreatedb OR rolreplication OR rolbypassrls AS more
       FROM pg_authid WHERE rolname = $1`,
    [role],
  );
  return rows[0];
}

/** Groups that it is a member of, without the logins that it made itself. */
async function groupsOf(client: Client, role: string, fleet: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string; comment: string | null }>(
    `SELECT DISTINCT g.rolname AS name, shobj_description(g.oid, 'pg_authid') AS comment
       FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
      WHERE m.member = $1::regrole ORDER BY 1`,
    [`"${role}"`],
  );
  return rows.filter(({ comment }) => !isLogin(comment, fleet)).map(({ name }) => name);
}

function isLogin(comment: string | null, fleet: string): boolean {
  const mark = readMark(comment);
  try {
    return mark?.fleet === fleet && parseResourceId(mark.id).kind === 'lease';
  } catch {
    return false;
  }
}
