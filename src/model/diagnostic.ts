/** A place in a file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Length in characters of what the caret underlines. */
  readonly length: number;
}

/**
 * A place in a document by JSON pointer, not yet looked up: the loader returns plain values, and line and column are
 * worked out only for documents that have something to report.
 */
export interface SourcePointer {
  readonly file: string;
  /** Index of the document in its file, from 0. */
  readonly document: number;
  /** RFC 6901 JSON pointer inside the document, for example `/spec/secrets/0/from/db`. */
  readonly pointer: string;
  /** The key itself is meant, not its value: an unknown field, a repeated name. */
  readonly of?: 'key';
}

export type Severity = 'error' | 'warning' | 'note';

/** One finding in the four parts of every message: what, why, how to mend it, how to go on anyway. */
export interface Diagnostic {
  readonly severity: Severity;
  /** Stable rule id, `KW` and three digits, then its name, for example `KW031 no-dynamic-read-through-kv`. */
  readonly rule: string;
  /** What was found, as one line without a final period. */
  readonly message: string;
  readonly source?: SourcePointer;
  /** Filled in on demand from `source`. */
  readonly position?: Position;
  /** Another place that one has to see to understand it, for example where a name stands for the first time. */
  readonly related?: { readonly message: string; readonly source: SourcePointer; readonly position?: Position };
  /** Document it is about, `Kind/name`. */
  readonly object?: string;
  /** `false`: the line must not be shown, because it holds a secret. */
  readonly excerpt?: false;
  /** Why it matters. */
  readonly why?: string;
  /** The exact setting or command that mends it. */
  readonly remedy?: string;
}
