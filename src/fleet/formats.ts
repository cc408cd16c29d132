import type { Format } from './schema.ts';

interface FormatRule {
  /** Without look-around, so that it can stand in a JSON Schema and a custom resource definition. */
  readonly pattern: RegExp;
  /** "is …": what a value has to be. */
  readonly words: string;
  /** What a pattern cannot say: the problem, or undefined. */
  readonly problem?: (text: string) => string | undefined;
}

const dnsLabel = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const identifier = '[A-Za-z_][A-Za-z0-9_-]*';

function bytes(limit: number): (text: string) => string | undefined {
  return (text) => {
    const length = Buffer.byteLength(text);
    return length > limit ? `is ${length} bytes long, and ${limit} are allowed` : undefined;
  };
}

/** What stores refuse in a path: an empty segment, `.` and `..`. */
function pathProblem(text: string): string | undefined {
  const bad = text.split('/').find((segment) => segment === '' || segment === '.' || segment === '..');
  if (bad !== undefined) {
    return bad === '' ? 'begins or ends with a slash, or has two in a row' : `has the segment \`${bad}\``;
  }
  return bytes(512)(text);
}

function patternProblem(text: string): string | undefined {
  const inner = text === '**' ? 'x' : text.endsWith('/**') ? text.slice(0, -3) : text;
  return inner.includes('*') ? 'has `*` elsewhere than in `/**` at its end' : pathProblem(inner);
}

function folderProblem(text: string): string | undefined {
  return text.split('/').includes('..') ? 'leads out of the folder of the fleet by `..`' : undefined;
}

function keyProblem(text: string): string | undefined {
  return text.startsWith('..') || text === '.'
    ? 'begins with `..`, which a mounted folder keeps for itself'
    : bytes(253)(text);
}

function dateProblem(text: string): string | undefined {
  const date = new Date(`${text}T00:00:00Z`);
  return Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== text
    ? 'is no day of the calendar'
    : undefined;
}

const scheduleFields = [
  ['minute', 0, 59],
  ['hour', 0, 23],
  ['day of the month', 1, 31],
  ['month', 1, 12],
  ['day of the week', 0, 7],
] as const;
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

function scheduleProblem(text: string): string | undefined {
  const fields = text.trim().split(/\s+/);
  for (const [index, [name, low, high]] of scheduleFields.entries()) {
    const named = (word: string) =>
      index === 3 ? months.indexOf(word) + 1 : index === 4 && days.includes(word) ? days.indexOf(word) : -1;
    const number = (word: string) => (/^\d+$/.test(word) ? Number(word) : named(word.toLowerCase()));
    const inRange = (word: string) => {
      const value = number(word);
      return value >= low && value <= high && !(index === 3 && value === 0);
    };
    const right = (fields[index] ?? '').split(',').every((part) => {
      const [range = '', every, ...more] = part.split('/');
      const [from = '', to, ...rest] = range.split('-');
      return (
        more.length === 0 &&
        rest.length === 0 &&
        (every === undefined || (/^\d+$/.test(every) && Number(every) > 0)) &&
        (range === '*' || (inRange(from) && (to === undefined || (inRange(to) && number(from) <= number(to)))))
      );
    });
    if (!right) {
      return `has \`${fields[index]}\` as ${name}`;
    }
  }
  return undefined;
}

function cidrProblem(text: string): string | undefined {
  const [address = '', bits] = text.split('/');
  const parts = address.split('.');
  const v4 = parts.length === 4;
  if (v4 && parts.some((part) => Number(part) > 255)) {
    return 'is no network';
  }
  return Number(bits) > (v4 ? 32 : 128) ? 'has a prefix that is too long' : undefined;
}

/** What each format looks like. */
export const formats: Readonly<Record<Format, FormatRule>> = {
  name: { pattern: new RegExp(`^${dnsLabel}$`), words: 'a name of lower-case letters, digits and `-`, at most 63' },
  valueName: { pattern: /^[A-Za-z][A-Za-z0-9]*$/, words: 'a word of letters and digits' },
  alias: { pattern: /^[A-Za-z][A-Za-z0-9_-]*$/, words: 'a word of letters, digits, `_` and `-`' },
  identifier: {
    pattern: new RegExp(`^${identifier}$`),
    words: 'an SQL identifier of letters, digits, `_` and `-`',
    problem: bytes(63),
  },
  // Its length is judged with the ends that logins get, by a check of its own.
  roleName: { pattern: new RegExp(`^${identifier}$`), words: 'an SQL identifier of letters, digits, `_` and `-`' },
  table: { pattern: new RegExp(`^(${identifier}\\.)?${identifier}$`), words: 'a table, as TABLE or SCHEMA.TABLE' },
  parameter: { pattern: /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/, words: 'a parameter in lower case' },
  account: { pattern: /^[a-z_][a-z0-9_-]{0,31}$/, words: 'an account of the system' },
  host: {
    pattern:
      /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$|^[0-9a-fA-F:]+:[0-9a-fA-F:.]*$/,
    words: 'a host name or an IP address',
    problem: bytes(253),
  },
  url: { pattern: /^https?:\/\/[^\s/?#]+\S*$/, words: 'a URL with https:// in front' },
  address: { pattern: /^https?:\/\/[^\s/?#]+\/?$/, words: 'an address as https://HOST:PORT' },
  path: { pattern: /^[^\s*{}]+$/, words: 'a path without spaces, `*` and braces', problem: pathProblem },
  pathPattern: { pattern: /^[^\s{}]+$/, words: 'a path, with `/**` at its end for a subtree', problem: patternProblem },
  key: { pattern: /^[-._a-zA-Z0-9]+$/, words: 'a key of letters, digits, `-`, `_` and `.`', problem: keyProblem },
  folder: { pattern: /^[^\r\n\0]+$/, words: 'a folder', problem: folderProblem },
  file: { pattern: /^[^\r\n\0]+$/, words: 'a file' },
  workload: {
    pattern: new RegExp(`^(deployment|statefulset|daemonset)/${dnsLabel}$`),
    words: 'deployment/NAME, statefulset/NAME or daemonset/NAME',
  },
  cidr: {
    pattern: /^([0-9.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)\/[0-9]{1,3}$/,
    words: 'a network as 10.1.0.0/16',
    problem: cidrProblem,
  },
  country: { pattern: /^[A-Z]{2}$/, words: 'two capital letters' },
  environmentVariable: { pattern: /^[A-Za-z_][A-Za-z0-9_]*$/, words: 'a name of an environment variable' },
  recipient: { pattern: /^age1[a-z0-9]+$/, words: 'an age recipient, age1…' },
  date: { pattern: /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/, words: 'a day as 2027-01-31', problem: dateProblem },
  schedule: {
    pattern: /^\S+(\s+\S+){4}$/,
    words: 'five fields as in cron: minute, hour, day, month, day of the week',
    problem: scheduleProblem,
  },
  line: { pattern: /^[^\r\n]+$/, words: 'one line of text' },
};

/** What is wrong with a text of a format, or undefined. */
export function formatProblem(format: Format, text: string): string | undefined {
  const { pattern, words, problem } = formats[format];
  return pattern.test(text) ? problem?.(text) : `is not ${words}`;
}
