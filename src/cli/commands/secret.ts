import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { causeOf, Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';
import { CheckAndSetConflict } from '../../stores/backend.ts';
import type { SecretBackend, SecretEntry } from '../../stores/backend.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';
import { requireShowable } from '../showable.ts';
import { parseStorePath } from '../store-path.ts';
import type { StorePath } from '../store-path.ts';
import type { Terminal } from '../terminal.ts';
import { table } from '../text.ts';

const options = {
  key: { type: 'string' },
  show: { type: 'boolean' },
  'to-pipe': { type: 'boolean' },
  'from-file': { type: 'string' },
  exact: { type: 'boolean' },
} as const;

type Values = {
  readonly [Name in keyof typeof options]?: (typeof options)[Name]['type'] extends 'boolean' ? boolean : string;
};

/** `secret list [PREFIX]`, `secret get PATH`, `secret put PATH --key KEY`. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['get, put or list', 'PATH?']);
  requireOutput(values.output);
  const [action = '', text] = positionals;
  const actions = { list, get, put } as const;
  if (!Object.hasOwn(actions, action)) {
    throw wrongUsage(`secret ${action} is not known`, 'keywright secret get, put or list');
  }
  if (text === undefined && action !== 'list') {
    throw wrongUsage('PATH is missing', `keywright secret ${action} STORE/PATH`);
  }
  requireShowable(values, terminal);
  const { run, fleet } = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const places =
      text === undefined
        ? [...fleet.stores.keys()].map((store) => ({ store, path: '' }))
        : [parseStorePath(text, fleet)];
    for (const place of places) {
      await run.openHome({ create: false });
      const store = await run.store(place.store);
      await actions[action as keyof typeof actions](store, place, { values, terminal, invocation });
    }
    return 0;
  } finally {
    await run.close();
  }
}

interface Work {
  readonly values: Values;
  readonly terminal: Terminal;
  readonly invocation: Invocation;
}

async function list(store: SecretBackend, place: StorePath, { terminal }: Work): Promise<void> {
  const entries = await store.list(place.path);
  if (terminal.json) {
    terminal.outJson({
      store: place.store,
      entries: entries.map(({ path, version, writtenAt, deleted }) => ({ path, version, writtenAt, deleted })),
    });
    return;
  }
  const rows = entries.map(({ path, version, writtenAt, deleted }) => [
    `${place.store}/${path}`,
    deleted ? 'deleted' : version,
    writtenAt.slice(0, 16).replace('T', ' '),
  ]);
  terminal.out(rows.length === 0 ? `nothing at ${place.store}/${place.path}\n` : table(rows));
}

async function get(store: SecretBackend, place: StorePath, { values, terminal }: Work): Promise<void> {
  const entry = await readEntry(store, place);
  if (entry === undefined) {
    throw new Failure({
      code: 'entry-absent',
      message: `there is nothing at ${place.store}/${place.path}`,
      object: `${place.store}/${place.path}`,
      remedy: `keywright secret list ${place.store}`,
    });
  }
  if (values.key !== undefined && !entry.data.has(values.key)) {
    throw new Failure({
      code: 'key-absent',
      message: `${place.store}/${place.path} has no key ${values.key}`,
      object: `${place.store}/${place.path}`,
      remedy: `it has ${[...entry.data.keys()].join(', ')}`,
    });
  }
  const shown = [...entry.data].filter(([key]) => values.key === undefined || key === values.key);
  const valueOf = (value: Secret): string | undefined => (values.show === true ? value.expose() : undefined);
  if (terminal.json) {
    const data = shown.map(([key, value]) => ({ key, value: valueOf(value) }));
    terminal.outJson({
      store: place.store,
      path: place.path,
      version: entry.version,
      writtenAt: entry.writtenAt,
      data,
    });
  } else if (values.show === true && values.key !== undefined) {
    terminal.out(`${shown.map(([, value]) => value.expose()).join('')}${terminal.outputIsTerminal ? '\n' : ''}`);
  } else {
    terminal.out(`${place.store}/${place.path}  version ${entry.version}, written ${entry.writtenAt}\n`);
    terminal.out(
      table(
        shown.map(([key, value]) => [key, valueOf(value) ?? '(not shown; --show)']),
        '  ',
      ),
    );
  }
}

/** Writes one key and keeps the others. The value comes from a file, from standard input or from a hidden prompt. */
async function put(store: SecretBackend, place: StorePath, { values, terminal, invocation }: Work): Promise<void> {
  if (values.key === undefined) {
    throw wrongUsage('--key is missing', `keywright secret put ${place.store}/${place.path} --key KEY`);
  }
  if (place.path.split('/')[0] === 'keywright') {
    throw new Failure({
      code: 'entry-reserved',
      message: `${place.store}/${place.path} belongs to Keywright's own records`,
      remedy: 'put the value at a path of your own',
    });
  }
  const before = await readEntry(store, place);
  const value = await readValue(values, terminal, invocation, values.key);
  if (value === '') {
    throw new Failure({ code: 'value-empty', message: 'the value is empty; nothing was written' });
  }
  const data = new Map(before?.data ?? []).set(values.key, new Secret(value));
  try {
    const { version } = await store.write({ path: place.path, data, expect: before?.version ?? 'absent' });
    terminal.result(
      { store: place.store, path: place.path, key: values.key, version },
      `${place.store}/${place.path} ${values.key}  version ${before?.version ?? 'none'} → ${version}\n`,
    );
  } catch (error) {
    if (error instanceof CheckAndSetConflict) {
      throw new Failure({
        code: 'entry-changed',
        message: `${place.store}/${place.path} was changed by somebody else meanwhile; nothing was written`,
        remedy: 'look at it, then put the value again',
        cause: error,
      });
    }
    throw error;
  }
}

async function readValue(values: Values, terminal: Terminal, invocation: Invocation, key: string): Promise<string> {
  const withoutNewline = (text: string): string => (values.exact === true ? text : text.replace(/\r?\n$/, ''));
  const file = values['from-file'];
  if (file !== undefined) {
    try {
      return withoutNewline(await readFile(resolve(invocation.cwd, file), 'utf8'));
    } catch (error) {
      throw new Failure({ code: 'file-unreadable', message: `${file} cannot be read: ${causeOf(error)}`, file });
    }
  }
  return terminal.inputIsTerminal ? terminal.askHidden(`${key}: `) : withoutNewline(await terminal.readInput());
}

async function readEntry(store: SecretBackend, { store: name, path }: StorePath): Promise<SecretEntry | undefined> {
  const answer = await store.read(path);
  if (answer.state === 'couldNotAsk' || answer.state === 'notYet') {
    throw new Failure({
      code: 'store-unreachable',
      message: `store ${name} did not answer: ${answer.why}`,
      exitCode: 3,
    });
  }
  return answer.state === 'present' ? answer.seen : undefined;
}
