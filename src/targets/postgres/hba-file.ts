import { fileHeader, superuserHbaLine, superuserIdentLine } from '../process/settings.ts';
import type { HbaRule } from './postgres.spec.ts';

/** The whole of pg_hba.conf: the superuser's own line first, whatever the fleet says. */
export function renderHba(rules: readonly HbaRule[]): string {
  return [fileHeader, superuserHbaLine, ...rules.map(renderRule), ''].join('\n');
}

/** The whole of pg_ident.conf. */
export function renderIdent(): string {
  return [fileHeader, superuserIdentLine(), ''].join('\n');
}

function renderRule(rule: HbaRule): string {
  const options = Object.entries(rule.options ?? {}).map(([name, value]) => `${name}=${quoted(value)}`);
  const address = rule.type === 'local' ? [] : [rule.address ?? ''];
  return [rule.type, databaseToken(rule.database), userToken(rule.user), ...address, rule.method, ...options].join(' ');
}

/** `all` and `replication` are keywords; every other name is quoted, which also takes a keyword's meaning away. */
function databaseToken(database: string): string {
  return database === 'all' || database === 'replication' ? database : quoted(database);
}

/** The plus of a group stands before the quotes: inside of them it would be a part of the name. */
function userToken(user: string): string {
  if (user === 'all') {
    return user;
  }
  return user.startsWith('+') ? `+${quoted(user.slice(1))}` : quoted(user);
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Lines of rules, without comments and empty ones. */
export function ruleLines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
