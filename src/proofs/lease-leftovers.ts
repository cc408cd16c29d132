import type { Client } from 'pg';
import { sqlState } from '../targets/postgres/errors.ts';

/** Whether a session was ended from outside. */
export async function isEnded(client: Client): Promise<boolean> {
  try {
    await client.query('SELECT 1');
    return false;
  } catch (error) {
    const code = sqlState(error);
    return code === undefined || code.startsWith('57P') || code.startsWith('08');
  }
}

/** What is left of a login that has ended: role, sessions, and a table of its that nobody took over. */
export async function leftovers(superuser: Client, name: string, table: string, owner: string): Promise<string[]> {
  const { rows } = await superuser.query<{ role: boolean; sessions: string; owner: string | null }>(
    `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS role,
            (SELECT count(*)::text FROM pg_stat_activity WHERE usename = $1) AS sessions,
            (SELECT relowner::regrole::text FROM pg_class WHERE oid = to_regclass($2)) AS owner`,
    [name, table],
  );
  const [row] = rows;
  return [
    ...(row?.role === true ? ['the role is still there'] : []),
    ...(row?.sessions === '0' ? [] : [`${row?.sessions} sessions of it`]),
    ...(row?.owner === owner ? [] : [`what it owned belongs to ${row?.owner ?? 'nobody: it was dropped'}`]),
  ];
}
