import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { outputOptions, parse, wholeNumber } from '../../../src/cli/invocation.ts';
import type { Invocation } from '../../../src/cli/invocation.ts';
import { worstOf } from '../../../src/cli/exit-codes.ts';
import { Failure } from '../../../src/model/failure.ts';
import { processStreams } from '../../../src/cli/streams.ts';

const invocation = (...args: string[]): Invocation => ({
  command: 'apply',
  args,
  cwd: '/',
  env: () => undefined,
  streams: processStreams(),
});

const refusal = (work: () => unknown): string => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof Failure && error.exitCode === 64);
    return error.message;
  }
};

describe('the arguments of a command', () => {
  it('are read with the options that belong to all', () => {
    const read = parse(invocation('there', '--partial', '--output', 'json'), { partial: { type: 'boolean' } }, [
      'FLEET?',
    ]);
    assert.equal(read.values.partial, true);
    assert.deepEqual(read.positionals, ['there']);
    assert.equal(read.terminal.json, true);
  });

  it('that are unknown, missing or too many are wrong usage', () => {
    assert.match(
      refusal(() => parse(invocation('--nope'), {})),
      /unknown option '--nope'/,
    );
    assert.match(
      refusal(() => parse(invocation(), {}, ['ID'])),
      /ID is missing/,
    );
    assert.match(
      refusal(() => parse(invocation('a', 'b'), {}, ['FLEET?'])),
      /"b" is one argument too many/,
    );
    assert.match(
      refusal(() => wholeNumber('allow-removals', '-1')),
      /not a whole number/,
    );
    assert.equal(wholeNumber('allow-removals', '12'), 12);
  });

  it('tell the form of the output even when the rest is wrong', () => {
    assert.deepEqual(outputOptions(['--nope', '--output=json', '--debug']), { json: true, debug: true });
    assert.deepEqual(outputOptions(['a', '--', '--output', 'json']), { json: false, debug: false });
  });
});

describe('the exit code', () => {
  it('is the worst of several outcomes', () => {
    assert.equal(worstOf(0, 2, 3), 3);
    assert.equal(worstOf(2, 3, 1), 1);
    assert.equal(worstOf(1, 64), 64);
    assert.equal(worstOf(0, 2), 2);
    assert.equal(worstOf(0), 0);
    assert.equal(worstOf(1, 130), 130);
  });
});
