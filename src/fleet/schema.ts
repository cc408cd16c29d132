/**
 * The small language in which the kinds are described. A schema is plain data: the reader, the JSON Schema, the custom
 * resource definitions and the language page all walk the same tree. It is our own because `zod/mini`, not bundled,
 * costs 1.4 times a whole `node -e 0` before the first file is read (docs/decisions/7-kinds-are-plain-data.md).
 */

export type KindName =
  | 'Fleet'
  | 'Set'
  | 'Site'
  | 'Store'
  | 'Authority'
  | 'Postgres'
  | 'DatabaseAccess'
  | 'SecretTree'
  | 'Consumer'
  | 'Link'
  | 'Replication'
  | 'Backup'
  | 'Rule'
  | 'Monitoring';

/** Whether a field has to be written, may be left out, or has a value of its own when it is left out. */
export type Presence = 'required' | 'optional' | 'default';

/** Which placeholders a text may hold besides `{each}`: delivered `data`, a `value` of an entry, a grant. */
export type Placeholders = 'data' | 'value' | 'grant';

/** What a text has to look like; `formats` in formats.ts has the patterns and the words for them. */
export type Format =
  | 'name'
  | 'valueName'
  | 'alias'
  | 'identifier'
  | 'roleName'
  | 'table'
  | 'parameter'
  | 'account'
  | 'host'
  | 'url'
  | 'address'
  | 'path'
  | 'pathPattern'
  | 'key'
  | 'folder'
  | 'file'
  | 'workload'
  | 'cidr'
  | 'country'
  | 'environmentVariable'
  | 'recipient'
  | 'date'
  | 'schedule'
  | 'line';

interface Base {
  readonly description: string;
  readonly presence: Presence;
  readonly default?: unknown;
  readonly example?: string;
}

export interface TextNode extends Base {
  readonly type: 'text';
  readonly format?: Format;
  readonly placeholders?: Placeholders;
  /** For files only: refused in a custom resource. */
  readonly fileOnly?: boolean;
}

export interface IntegerNode extends Base {
  readonly type: 'integer';
  readonly minimum: number;
  readonly maximum: number;
}

export interface BooleanNode extends Base {
  readonly type: 'boolean';
}

export interface DurationNode extends Base {
  readonly type: 'duration';
}

export interface WordsNode extends Base {
  readonly type: 'words';
  readonly words: readonly string[];
}

export interface ListNode extends Base {
  readonly type: 'list';
  readonly of: Node;
  readonly minimum: number;
}

export interface MapNode extends Base {
  readonly type: 'map';
  readonly of: Node;
  readonly key: Format;
}

export interface ReferenceNode extends Base {
  readonly type: 'reference';
  readonly to: KindName;
  /**
   * Rule 1 of the language: may be left out when there is exactly one, or the Fleet's defaults name it. `must`: leaving
   * it out is an error when neither holds; `may`: then it stays left out.
   */
  readonly byDefault?: 'must' | 'may';
  /** Fields beside it that make it meaningless; with one of them it is not filled in. */
  readonly unless?: readonly string[];
}

export interface ObjectNode extends Base {
  readonly type: 'object';
  readonly fields: Readonly<Record<string, Node>>;
  /** Groups of fields of which exactly one is written. */
  readonly oneOf: readonly (readonly string[])[];
  /** Groups of fields of which one may be written. */
  readonly atMostOne: readonly (readonly string[])[];
}

export type Node =
  | TextNode
  | IntegerNode
  | BooleanNode
  | DurationNode
  | WordsNode
  | ListNode
  | MapNode
  | ReferenceNode
  | ObjectNode;

declare const output: unique symbol;

/** A node that knows the TypeScript type of what the reader makes of it (`output` exists in types only). */
export type Schema<T = unknown, P extends Presence = Presence> = Node & {
  readonly presence: P;
  readonly [output]: T;
};

/** The type of a value after reading: defaults filled in, durations still as they were written. */
export type Output<S> = S extends Schema<infer T> ? T : never;

type Fields = Readonly<Record<string, Schema>>;
type Present<F extends Fields> = { [K in keyof F]: F[K]['presence'] extends 'optional' ? never : K }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };
export type ObjectOutput<F extends Fields> = Flat<
  { readonly [K in Present<F>]: Output<F[K]> } & { readonly [K in Exclude<keyof F, Present<F>>]?: Output<F[K]> }
>;

function schema<T>(node: Omit<Base, 'presence'> & { readonly type: Node['type'] }): Schema<T, 'required'> {
  return { ...node, presence: 'required' } as unknown as Schema<T, 'required'>;
}

interface TextOptions {
  readonly format?: Format;
  readonly placeholders?: Placeholders;
  readonly fileOnly?: boolean;
  readonly example?: string;
}

export function text(description: string, options: TextOptions = {}): Schema<string, 'required'> {
  return schema({ type: 'text', description, ...options });
}

export function integer(description: string, minimum: number, maximum: number): Schema<number, 'required'> {
  return schema({ type: 'integer', description, minimum, maximum } as Omit<IntegerNode, 'presence'>);
}

export function boolean(description: string): Schema<boolean, 'required'> {
  return schema({ type: 'boolean', description });
}

/** A length of time as it is written, for example `30d`; `milliseconds()` of durations.ts reads it. */
export function duration(description: string): Schema<string, 'required'> {
  return schema({ type: 'duration', description });
}

export function words<const W extends readonly string[]>(
  description: string,
  choice: W,
): Schema<W[number], 'required'> {
  return schema({ type: 'words', description, words: choice } as Omit<WordsNode, 'presence'>);
}

export function list<T>(description: string, of: Schema<T>, minimum = 1): Schema<readonly T[], 'required'> {
  return schema({ type: 'list', description, of, minimum } as Omit<ListNode, 'presence'>);
}

export function map<T>(
  description: string,
  key: Format,
  of: Schema<T>,
): Schema<Readonly<Record<string, T>>, 'required'> {
  return schema({ type: 'map', description, of, key } as Omit<MapNode, 'presence'>);
}

/** Kinds that a Fleet's defaults can name. */
export type DefaultKind = 'Store' | 'Site' | 'Authority';

/** The name of another document. */
export function reference(to: KindName, description: string): Schema<string, 'required'> {
  return schema({ type: 'reference', description, to } as Omit<ReferenceNode, 'presence'>);
}

/** The name of another document that may be left out by rule 1; after loading it always stands there. */
export function referenceByDefault(to: DefaultKind, description: string): Schema<string, 'default'> {
  return { ...reference(to, description), byDefault: 'must', presence: 'default' } as unknown as Schema<
    string,
    'default'
  >;
}

/** The same, where it has no meaning beside certain other fields (`unless`) or may stay unknown (no such fields). */
export function referenceWhereNeeded(
  to: DefaultKind,
  description: string,
  unless: readonly string[] = [],
): Schema<string, 'optional'> {
  const byDefault = unless.length === 0 ? 'may' : 'must';
  return { ...reference(to, description), byDefault, unless, presence: 'optional' } as unknown as Schema<
    string,
    'optional'
  >;
}

export function object<const F extends Fields>(
  description: string,
  fields: F,
  oneOf: readonly (readonly (keyof F & string)[])[] = [],
  atMostOne: readonly (readonly (keyof F & string)[])[] = [],
): Schema<ObjectOutput<F>, 'required'> {
  return schema({ type: 'object', description, fields, oneOf, atMostOne } as Omit<ObjectNode, 'presence'>);
}

export function optional<T>(of: Schema<T>): Schema<T, 'optional'> {
  return { ...of, presence: 'optional' } as unknown as Schema<T, 'optional'>;
}

/** The value that a field has when it is left out. */
export function preset<T>(of: Schema<T>, value: unknown): Schema<T, 'default'> {
  return { ...of, presence: 'default', default: value } as unknown as Schema<T, 'default'>;
}

/** An object of which exactly one key is written, for example `credential: { dynamic: { ttl: 1h } }`. */
export function choice<const F extends Fields>(
  description: string,
  alternatives: F,
): Schema<Flat<{ readonly [K in keyof F]?: Output<F[K]> }>, 'required'> {
  const fields = Object.fromEntries(Object.entries(alternatives).map(([key, of]) => [key, optional(of)]));
  return schema({
    type: 'object',
    description,
    fields,
    oneOf: [Object.keys(alternatives)],
    atMostOne: [],
  } as Omit<ObjectNode, 'presence'>);
}

/** A description of one kind of document. */
export interface Kind<S = unknown> {
  readonly kind: KindName;
  /** Key of the map in Fleet, and the resource name of the custom resource after its prefix. */
  readonly plural: string;
  readonly description: string;
  readonly spec: ObjectNode;
  readonly [output]: S;
}

/** The type of the spec that a kind describes. */
export type Spec<K> = K extends Kind<infer S> ? S : never;

const allow = object('A rule that may be broken here.', {
  rule: text('Name or id of the rule.', { example: 'plain-http' }),
  reason: text('Why, for whoever reads the status.'),
  until: optional(text('Last day on which it holds; an error afterwards.', { format: 'date', example: '2027-01-31' })),
});

/** Fields that every spec may have. */
export const commonFields = {
  forEach: optional(reference('Set', 'Repeats the document for each item of a Set; the copies are called NAME-ITEM.')),
  reclaimPolicy: optional(
    words('What happens to data when the document leaves the fleet.', ['retain', 'delete'] as const),
  ),
  allow: optional(list('Exceptions, each with its reason; they stay visible in the status.', allow)),
} satisfies Fields;

/** Describes a kind; adds the fields that every spec may have. */
export function kind<const F extends Fields>(
  name: KindName,
  plural: string,
  description: string,
  fields: F,
  oneOf: readonly (readonly (keyof F & string)[])[] = [],
  atMostOne: readonly (readonly (keyof F & string)[])[] = [],
): Kind<ObjectOutput<F & typeof commonFields>> {
  const spec = object<Fields>(description, { ...fields, ...commonFields }, oneOf, atMostOne);
  return { kind: name, plural, description, spec } as unknown as Kind<ObjectOutput<F & typeof commonFields>>;
}
