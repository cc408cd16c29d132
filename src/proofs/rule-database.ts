import type { Client } from 'pg';
import type { Measurement } from '../model/claim.ts';
import { addressOf, login, trustOf } from './connect.ts';
import { type DeliveredCredential, deliveredCredentials } from './delivered-credential.ts';
import { broken, held, known, type ProofTools, unknown } from './measurer.ts';
import type { RuleSpec } from './proofs.spec.ts';

type DatabaseObject = Extract<RuleSpec['object'], { database: unknown }>['database'];

/** Every login delivered to a subject is tried on the database, and refused. */
export async function measureDatabaseRule(
  database: DatabaseObject,
  subjects: RuleSpec['subjects'],
  tools: ProofTools,
): Promise<Measurement> {
  const trust = await trustOf(database.bundle, tools);
  const where = `${database.name} on ${addressOf(database.endpoint)}`;
  const refused: string[] = [];
  const entered: string[] = [];
  for (const { consumer, directories } of subjects) {
    for (const folder of directories.map(known)) {
      for (const { service, request } of await credentialsIn(folder)) {
        const source = `${consumer}: ${request.user}, service ${service} in ${folder}`;
        const answer = await login({ ...request, endpoint: database.endpoint, database: database.name, trust }, tools);
        if (answer.outcome === 'couldNotAsk') {
          return unknown(answer.why);
        }
        if (answer.outcome === 'refused') {
          refused.push(source);
          continue;
        }
        const reached = database.tables === undefined ? [] : await reachedTables(answer.client, database.tables);
        if (database.tables === undefined) {
          entered.push(`${source}, logs in to ${where}`);
        } else if (reached.length > 0) {
          entered.push(`${source}, reaches ${reached.join(', ')} of ${where}`);
        } else {
          refused.push(source);
        }
      }
    }
  }
  if (entered.length > 0) {
    return broken(entered.join('; '), 'take that secret from the consumer, or the rule away, then: keywright apply');
  }
  return refused.length === 0
    ? held(`no login is delivered to ${subjects.map(({ consumer }) => consumer).join(', ') || 'anybody'}`)
    : held(
        `none of ${refused.length} delivered logins gets ${database.tables === undefined ? 'into' : 'at it in'} ${where}`,
      );
}

/** None where nothing is delivered that libpq reads. */
async function credentialsIn(folder: string): Promise<DeliveredCredential[]> {
  try {
    return await deliveredCredentials(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return [];
    }
    throw error;
  }
}

async function reachedTables(client: Client, tables: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT t.name FROM unnest($1::text[]) AS t(name)
      WHERE pg_catalog.has_table_privilege(pg_catalog.to_regclass(t.name), 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
         OR pg_catalog.has_any_column_privilege(pg_catalog.to_regclass(t.name), 'SELECT, INSERT, UPDATE')`,
    [tables.map((table) => (table.includes('.') ? table : `public.${table}`))],
  );
  return rows.map(({ name }) => name);
}
