import type { FieldChange } from '../../model/change.ts';
import { commentOn, ident, literal } from '../postgres/sql.ts';

/** What the logins of a dynamic access are. `{{name}}`, `{{password}}`, `{{expiration}}` are filled in by the engine. */
export interface EngineLogins {
  /** The access's group, which a login is a member of and which takes over what it owned. */
  readonly group: string;
  /** Role by which the engine comes in. */
  readonly engineRole: string;
  /** `SET role = …` at login. */
  readonly setRole?: string;
  /** Default -1, no limit. */
  readonly connectionLimit?: number;
  /** Bears the mark of the lease. */
  readonly comment: string;
}

const login = '"{{name}}"';

/** Run in one transaction: a login is there whole or not at all. The engine sends a verifier in place of the password. */
export function creationStatements(logins: EngineLogins): string[] {
  return [
    `CREATE ROLE ${login} WITH LOGIN INHERIT NOCREATEROLE NOCREATEDB NOBYPASSRLS ` +
      `CONNECTION LIMIT ${logins.connectionLimit ?? -1} PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`,
    `GRANT ${ident(logins.group)} TO ${login} WITH INHERIT TRUE, SET TRUE, ADMIN FALSE`,
    // PostgreSQL 16: without this the engine may not end the sessions of a role that it made, nor take what it owns.
    `GRANT ${login} TO ${ident(logins.engineRole)} WITH INHERIT TRUE, SET TRUE`,
    ...(logins.setRole === undefined ? [] : [`ALTER ROLE ${login} SET role = ${literal(logins.setRole)}`]),
    commentOn(`ROLE ${login}`, logins.comment),
  ];
}

/**
 * What really removes a login. The engine's own way fails for a role that owns something, and leaves its sessions open. A
 * login that is gone already is no error: else its lease could never end. Sessions are ended twice, for those that came
 * back meanwhile: until the transaction ends, others still see a role that may log in. What somebody else granted it by
 * hand, only they or a superuser can take back: then it stays, unable to log in and at its end, until leases are swept.
 */
export function revocationStatements({ group }: Pick<EngineLogins, 'group'>): string[] {
  const endSessions = `PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '{{name}}';`;
  return [
    [
      'DO $revoke$',
      'BEGIN',
      `  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{{name}}') THEN`,
      `    ALTER ROLE ${login} WITH NOLOGIN VALID UNTIL 'now';`,
      `    ${endSessions}`,
      `    REASSIGN OWNED BY ${login} TO ${ident(group)};`,
      `    DROP OWNED BY ${login};`,
      `    ${endSessions}`,
      '    BEGIN',
      `      DROP ROLE ${login};`,
      '    EXCEPTION WHEN dependent_objects_still_exist THEN',
      '      NULL;',
      '    END;',
      '  END IF;',
      'END',
      '$revoke$',
    ].join('\n'),
  ];
}

/**
 * How the statements of a role differ from what they should be, one by one. Blanks, line breaks and how statements are
 * divided among texts mean nothing; their order does.
 */
export function statementChanges(field: string, wanted: readonly string[], seen: readonly string[]): FieldChange[] {
  const should = wanted.flatMap(divided);
  const are = seen.flatMap(divided);
  if (should.join('\n') === are.join('\n')) {
    return [];
  }
  const missing = should.filter((each) => !are.includes(each));
  const excess = are.filter((each) => !should.includes(each));
  return missing.length + excess.length === 0
    ? [{ field, note: 'in another order, or repeated' }]
    : [
        ...excess.map((each): FieldChange => ({ field, before: short(each), after: 'none' })),
        ...missing.map((each): FieldChange => ({ field, before: 'none', after: short(each) })),
      ];
}

/** As the engine divides them: at semicolons, except where an END tells of a block. */
function divided(text: string): string[] {
  const parts = /\bEND\b/.test(text) ? [text] : text.split(';');
  return parts.map((part) => part.replaceAll(/\s+/g, ' ').trim()).filter((part) => part !== '');
}

function short(statement: string): string {
  return statement.length > 160 ? `${statement.slice(0, 157)}…` : statement;
}
