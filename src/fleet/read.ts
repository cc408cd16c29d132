import type { Diagnostic, SourcePointer } from '../model/diagnostic.ts';
import { durationMilliseconds } from '../model/duration.ts';
import { putEach, type Item } from './each.ts';
import { formatProblem } from './formats.ts';
import { didYouMean, nearest } from './nearest.ts';
import { step } from './pointer.ts';
import { finding, type FindingDetails, type RuleDescription } from './rule.ts';
import {
  forEach,
  invalidDuration,
  invalidValue,
  missingField,
  oneOf,
  unknownField,
  unknownWord,
  wrongType,
} from './rules.ts';
import type {
  DurationNode,
  IntegerNode,
  ListNode,
  MapNode,
  Node,
  ObjectNode,
  ReferenceNode,
  TextNode,
} from './schema.ts';

/** What the reader asks about other documents. */
export interface ReferenceResolver {
  /** Reports a name that is not there; the name stays as it is. */
  check(node: ReferenceNode, name: string, report: Report, pointer: string): void;
  /** The name for a reference that was left out, by rule 1 of the language; reports when there is none. */
  fallback(node: ReferenceNode, field: string, report: Report, pointer: string): string | undefined;
}

export type Report = (
  rule: RuleDescription,
  pointer: string,
  details: Omit<FindingDetails, 'source' | 'object'> & { readonly of?: 'key' },
) => void;

export interface ReadContext {
  readonly file: string;
  readonly document: number;
  /** `Kind/name`. */
  readonly object: string;
  readonly item?: Item;
  readonly references: ReferenceResolver;
  readonly diagnostics: Diagnostic[];
}

type ReadNode<N extends Node> = (node: N, raw: unknown, pointer: string, io: Io) => unknown;

interface Io extends ReadContext {
  readonly report: Report;
}

/**
 * Reads a value by its schema: what is wrong is reported, what is left out gets its default, `{each}` its value. Always
 * gives what could be read, so that the rest can be checked all the same.
 */
export function readValue(node: Node, raw: unknown, pointer: string, context: ReadContext): unknown {
  return read(node, raw, pointer, { ...context, report: reporter(context) });
}

/** Reports into a context. */
function reporter(context: Pick<ReadContext, 'file' | 'document' | 'object' | 'diagnostics'>): Report {
  const { file, document, object, diagnostics } = context;
  return (rule, pointer, { of, ...details }) => {
    const source: SourcePointer = of === undefined ? { file, document, pointer } : { file, document, pointer, of };
    diagnostics.push(finding(rule, { ...details, source, object }));
  };
}

function read(node: Node, raw: unknown, pointer: string, io: Io): unknown {
  // The key of a reader is the type of its node, which the type system cannot follow through a table.
  return (readers[node.type] as ReadNode<Node>)(node, raw, pointer, io);
}

const readers: { readonly [T in Node['type']]: ReadNode<Extract<Node, { readonly type: T }>> } = {
  text: readText,
  integer: readInteger,
  boolean: (_node, raw, pointer, io) => (typeof raw === 'boolean' ? raw : wrong('true or false', raw, pointer, io)),
  duration: readDuration,
  words: readWord,
  list: readList,
  map: readMap,
  reference: readReference,
  object: readObject,
};

/** How a value is called in a message; never the value itself where it may be long or secret. */
function describe(raw: unknown): string {
  if (raw === null) {
    return 'empty';
  }
  if (Array.isArray(raw)) {
    return 'a list';
  }
  if (typeof raw === 'object') {
    return 'an object';
  }
  return typeof raw === 'number' || typeof raw === 'boolean' ? `the ${typeof raw} ${raw}` : 'a text';
}

function wrong(expected: string, raw: unknown, pointer: string, io: Io, remedy?: string): undefined {
  const quoted = expected === 'a text' && (typeof raw === 'number' || typeof raw === 'boolean');
  io.report(wrongType, pointer, {
    message: `\`${nameOf(pointer)}\` is ${describe(raw)}, where ${expected} is expected`,
    ...(quoted
      ? { why: 'YAML makes numbers and booleans of texts that look like them; guessing back loses digits.' }
      : {}),
    remedy: remedy ?? (quoted ? `Quote it: "${String(raw)}".` : `Write ${expected}.`),
  });
  return undefined;
}

/** The last steps of a pointer as a person says them: `from.db`, `items[0]`. */
function nameOf(pointer: string): string {
  const steps = pointer.split('/').slice(1);
  const last = steps.at(-1) ?? 'document';
  const plain = last.replaceAll('~1', '/').replaceAll('~0', '~');
  const before = steps.at(-2);
  return /^\d+$/.test(plain) && before !== undefined ? `${before}[${plain}]` : plain;
}

/** A text with its `{each}` replaced, or undefined when it is no text. */
function textOf(raw: unknown, template: boolean, pointer: string, io: Io): string | undefined {
  if (typeof raw !== 'string') {
    return wrong('a text', raw, pointer, io);
  }
  let right = true;
  const text = putEach(raw, io.item, template, (name) => {
    right = false;
    const known = Object.keys(io.item?.values ?? {});
    io.report(forEach, pointer, {
      message:
        io.item === undefined
          ? '`{each}` stands in a document without `forEach`'
          : `item ${io.item.name} of Set ${io.item.set} has no value \`${name}\`${didYouMean(name ?? '', known)}`,
      remedy:
        io.item === undefined
          ? 'Add `forEach: SET` to the spec, or write `{{each}}` for the braces themselves.'
          : `Add \`${name}\` to the values of every item, or use ${known.length === 0 ? '`{each}`' : known.map((key) => `\`{each.${key}}\``).join(', ')}.`,
    });
  });
  return right ? text : undefined;
}

function readText(node: TextNode, raw: unknown, pointer: string, io: Io): string | undefined {
  const text = textOf(raw, node.placeholders === 'data' || node.placeholders === 'value', pointer, io);
  if (text === undefined || node.format === undefined) {
    return text;
  }
  const problem = formatProblem(node.format, text);
  if (problem !== undefined) {
    io.report(invalidValue, pointer, {
      message: `\`${nameOf(pointer)}\` ${shownText(text)}${problem}`,
      ...(node.example === undefined ? {} : { remedy: `Write, for example, \`${node.example}\`.` }),
    });
    return undefined;
  }
  return text;
}

function shownText(text: string): string {
  return text.length <= 60 && !text.includes('\n') ? `(${JSON.stringify(text)}) ` : '';
}

function readInteger(node: IntegerNode, raw: unknown, pointer: string, io: Io): number | undefined {
  if (typeof raw !== 'number' || !Number.isInteger(raw)) {
    const each = typeof raw === 'string' && raw.includes('{each');
    return each
      ? misplacedEach('a number', pointer, io)
      : wrong('a whole number', raw, pointer, io, 'Write a whole number, without quotes.');
  }
  if (raw < node.minimum || raw > node.maximum) {
    io.report(invalidValue, pointer, {
      message: `\`${nameOf(pointer)}\` is ${raw}, and ${node.minimum} to ${node.maximum} are allowed`,
      remedy: `Write a number from ${node.minimum} to ${node.maximum}.`,
    });
    return undefined;
  }
  return raw;
}

function misplacedEach(what: string, pointer: string, io: Io): undefined {
  io.report(forEach, pointer, {
    message: `\`{each}\` stands in \`${nameOf(pointer)}\`, which is ${what}`,
    why: '`{each}` works in texts and durations only, so that a document can be checked before it is repeated.',
    remedy: 'Write the value out, in a document for each item where they differ.',
  });
  return undefined;
}

function readDuration(_node: DurationNode, raw: unknown, pointer: string, io: Io): string | undefined {
  if (typeof raw === 'number' || (typeof raw === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(raw))) {
    const number = String(raw).trim();
    io.report(invalidDuration, pointer, {
      message: `\`${nameOf(pointer)}\` is ${number} without a unit`,
      remedy: `Write the unit: ${number}s, ${number}m, ${number}h or ${number}d.`,
    });
    return undefined;
  }
  const text = textOf(raw, false, pointer, io);
  if (text === undefined) {
    return undefined;
  }
  const milliseconds = durationMilliseconds(text);
  if (milliseconds === undefined || milliseconds === 0) {
    io.report(invalidDuration, pointer, {
      message: `\`${nameOf(pointer)}\` ${shownText(text)}${milliseconds === 0 ? 'is no time at all' : 'is no duration'}`,
      ...(milliseconds === 0 ? { remedy: 'Write a length of time greater than zero.' } : {}),
    });
    return undefined;
  }
  return text;
}

function readWord(node: Extract<Node, { type: 'words' }>, raw: unknown, pointer: string, io: Io): string | undefined {
  const expected = node.words.join(', ');
  if (typeof raw !== 'string') {
    return wrong(`one of ${expected}`, raw, pointer, io);
  }
  if (node.words.includes(raw)) {
    return raw;
  }
  if (raw.includes('{each')) {
    return misplacedEach('one of a few words', pointer, io);
  }
  io.report(unknownWord, pointer, {
    message: `\`${nameOf(pointer)}\` is \`${raw}\`${didYouMean(raw, node.words)}`,
    remedy: `Use one of ${expected}.`,
  });
  return undefined;
}

function readList(node: ListNode, raw: unknown, pointer: string, io: Io): unknown[] | undefined {
  if (!Array.isArray(raw)) {
    const simple = typeof raw === 'string' || typeof raw === 'number';
    return wrong('a list', raw, pointer, io, simple ? `Write a list: [${raw}].` : undefined);
  }
  if (raw.length < node.minimum) {
    io.report(invalidValue, pointer, {
      message: `\`${nameOf(pointer)}\` has ${raw.length === 0 ? 'no items' : `${raw.length} of them`}, and at least ${node.minimum} ${node.minimum === 1 ? 'is' : 'are'} needed`,
      remedy: node.presence === 'required' ? 'Add what is missing.' : 'Add what is missing, or leave out the field.',
    });
  }
  return raw.map((item, index) => read(node.of, item, pointer + step(index), io)).filter((item) => item !== undefined);
}

function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}

function readMap(node: MapNode, raw: unknown, pointer: string, io: Io): Record<string, unknown> | undefined {
  if (!isObject(raw)) {
    return wrong('an object', raw, pointer, io);
  }
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(raw)) {
    const inside = pointer + step(key);
    const problem = formatProblem(node.key, key);
    if (key.includes('{each')) {
      io.report(forEach, inside, {
        of: 'key',
        message: '`{each}` stands in a key',
        why: '`{each}` works in texts and durations only, so that a document can be checked before it is repeated.',
        remedy: 'Write the key out.',
      });
    } else if (problem !== undefined) {
      io.report(invalidValue, inside, {
        of: 'key',
        message: `the key ${JSON.stringify(key)} ${problem}`,
        remedy: 'Rename it.',
      });
    }
    const inner = read(node.of, value, inside, io);
    if (inner !== undefined && problem === undefined) {
      // Not by assignment: a key may be called __proto__.
      Object.defineProperty(result, key, { value: inner, enumerable: true, configurable: true, writable: true });
    }
  }
  return result;
}

function readReference(node: ReferenceNode, raw: unknown, pointer: string, io: Io): string | undefined {
  if (typeof raw !== 'string') {
    return wrong(`the name of a ${node.to}`, raw, pointer, io);
  }
  const name = textOf(raw, false, pointer, io);
  if (name !== undefined) {
    io.references.check(node, name, io.report, pointer);
  }
  return name;
}

function readObject(node: ObjectNode, raw: unknown, pointer: string, io: Io): Record<string, unknown> | undefined {
  if (!isObject(raw)) {
    return raw === null
      ? wrong('an object', raw, pointer, io, `Write \`${nameOf(pointer)}: {}\` for one without fields.`)
      : wrong('an object', raw, pointer, io);
  }
  const known = Object.keys(node.fields);
  const mistaken = new Set<string>();
  for (const key of Object.keys(raw)) {
    if (!Object.hasOwn(node.fields, key)) {
      const near = nearest(key, known);
      if (near !== undefined) {
        mistaken.add(near);
      }
      io.report(unknownField, pointer + step(key), {
        of: 'key',
        message: `unknown field \`${key}\`${near === undefined ? '' : `; did you mean \`${near}\`?`}`,
        remedy: near === undefined ? knownFields(known, pointer) : `Write \`${near}\`.`,
      });
    }
  }
  checkChoices(node, raw, mistaken, pointer, io);
  const chosen = new Set(node.oneOf.flat());
  const result: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(node.fields)) {
    const value = readField(key, field, raw, pointer, io, mistaken.has(key) || chosen.has(key));
    if (value !== undefined) {
      result[key] = value;
    }
  }
  return result;
}

function knownFields(known: readonly string[], pointer: string): string {
  return known.length === 0
    ? `\`${nameOf(pointer)}\` has no fields: write {}.`
    : `It has the fields ${known.join(', ')}.`;
}

/** Groups of which exactly one, or at most one, is written. */
function checkChoices(
  node: ObjectNode,
  raw: Record<string, unknown>,
  mistaken: ReadonlySet<string>,
  pointer: string,
  io: Io,
): void {
  for (const group of [...node.oneOf, ...node.atMostOne]) {
    const written = Object.keys(raw).filter((key) => group.includes(key));
    const choices = group.map((key) => `\`${key}\``).join(', ');
    const second = written[1];
    if (second !== undefined) {
      io.report(oneOf, pointer + step(second), {
        of: 'key',
        message: `${written.map((key) => `\`${key}\``).join(' and ')} exclude each other`,
        remedy: `Keep one of ${choices}.`,
      });
    } else if (written.length === 0 && node.oneOf.includes(group) && !group.some((key) => mistaken.has(key))) {
      io.report(oneOf, pointer, {
        of: 'key',
        message: `\`${nameOf(pointer)}\` needs one of ${choices}`,
        remedy: `Add one of ${choices}.`,
      });
    }
  }
}

function readField(
  key: string,
  field: Node,
  raw: Record<string, unknown>,
  pointer: string,
  io: Io,
  excused: boolean,
): unknown {
  const inside = pointer + step(key);
  if (Object.hasOwn(raw, key)) {
    return read(field, raw[key], inside, io);
  }
  if (field.type === 'reference' && field.byDefault !== undefined) {
    const needless = field.unless?.some((other) => Object.hasOwn(raw, other)) === true;
    return needless ? undefined : io.references.fallback(field, key, io.report, pointer);
  }
  if (field.presence === 'default') {
    return read(field, field.default, inside, io);
  }
  if (field.presence === 'required' && !excused) {
    io.report(missingField, pointer, {
      of: 'key',
      message: `\`${nameOf(pointer)}\` has no \`${key}\``,
      why: field.description,
      remedy:
        field.example === undefined ? `Add \`${key}\`.` : `Add \`${key}\`, for example \`${key}: ${field.example}\`.`,
    });
  }
  return undefined;
}
