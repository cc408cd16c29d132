import type { PgSession, Row } from './session.ts';

/**
 * Reads several lists in one statement, so that they are of one instant and cost one round trip. Each query's rows
 * become objects, its columns their fields.
 */
export async function readLists<T extends Readonly<Record<string, readonly unknown[]>>>(
  session: PgSession,
  database: string,
  queries: { readonly [K in keyof T]: string },
): Promise<T> {
  const fields = Object.entries(queries).map(
    ([name, query]) => `'${name}', (SELECT coalesce(json_agg(r), '[]') FROM (${query}) r)`,
  );
  const rows = await session.query<Row & { lists: T }>(
    database,
    `SELECT json_build_object(${fields.join(', ')}) AS lists`,
  );
  return (rows[0] as { lists: T }).lists;
}
