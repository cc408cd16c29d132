/** A name as an SQL identifier, always quoted. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A schema-qualified name from its parts. */
export function qualified(...names: readonly string[]): string {
  return names.map(ident).join('.');
}

/** A text as an SQL literal; E'' where it has a backslash, so that no setting of the server changes its meaning. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? ` E${quoted}` : quoted;
}

/** `COMMENT ON <what> IS <text>`; null takes the comment away. */
export function commentOn(what: string, text: string | null): string {
  return `COMMENT ON ${what} IS ${text === null ? 'NULL' : literal(text)}`;
}

/** A schema-qualified table as specs spell it, `schema.table`; without a schema it is in `public`. */
export function parseTable(text: string): { readonly schema: string; readonly name: string } {
  const dot = text.indexOf('.');
  return dot < 0 ? { schema: 'public', name: text } : { schema: text.slice(0, dot), name: text.slice(dot + 1) };
}
