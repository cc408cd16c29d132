/** One entry of an access control list. */
export interface AclEntry {
  /** Empty: PUBLIC. */
  readonly grantee: string;
  readonly grantor: string;
  /** Names of privileges, for example `SELECT`. */
  readonly privileges: readonly Privilege[];
  /** Those of them that it may grant on. */
  readonly grantable: readonly Privilege[];
}

/** Letters of aclitem, as PostgreSQL's documentation lists them (ddl-priv, table 5.1). */
const letters = {
  r: 'SELECT',
  a: 'INSERT',
  w: 'UPDATE',
  d: 'DELETE',
  D: 'TRUNCATE',
  x: 'REFERENCES',
  t: 'TRIGGER',
  m: 'MAINTAIN',
  X: 'EXECUTE',
  U: 'USAGE',
  C: 'CREATE',
  T: 'TEMPORARY',
  c: 'CONNECT',
  s: 'SET',
  A: 'ALTER SYSTEM',
} as const;

export type Privilege = (typeof letters)[keyof typeof letters];

/** Reads `grantee=privileges/grantor`; a name with special characters stands in double quotes, themselves doubled. */
export function parseAclItem(item: string): AclEntry {
  const grantee = readName(item, 0);
  const equals = grantee.end;
  const slash = item.indexOf('/', equals);
  if (item[equals] !== '=' || slash < 0) {
    throw new RangeError(`not an aclitem: ${item}`);
  }
  const privileges: Privilege[] = [];
  const grantable: Privilege[] = [];
  for (let at = equals + 1; at < slash; at++) {
    const privilege = letters[item[at] as keyof typeof letters] as Privilege | undefined;
    if (item[at] === '*') {
      grantable.push(privileges.at(-1) as Privilege);
    } else if (privilege !== undefined) {
      // A letter of a newer PostgreSQL is no privilege that we know how to give or take.
      privileges.push(privilege);
    }
  }
  return { grantee: grantee.name, grantor: readName(item, slash + 1).name, privileges, grantable };
}

export function parseAcl(acl: readonly string[] | null): AclEntry[] {
  return (acl ?? []).map(parseAclItem);
}

function readName(text: string, start: number): { readonly name: string; readonly end: number } {
  if (text[start] !== '"') {
    const found = /[=/]/.exec(text.slice(start));
    const end = found === null ? text.length : start + found.index;
    return { name: text.slice(start, end), end };
  }
  let name = '';
  let at = start + 1;
  for (; at < text.length; at++) {
    if (text[at] === '"') {
      if (text[at + 1] !== '"') {
        break;
      }
      at += 1;
    }
    name += text[at];
  }
  return { name, end: at + 1 };
}
