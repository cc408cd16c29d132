import assert from 'node:assert/strict';
import { Failure } from '../../src/model/failure.ts';

/** For `assert.rejects` and `assert.throws`: a Failure with this code and a message like this. */
export function isFailure(code: string, message: RegExp = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof Failure, error instanceof Error ? error.stack : String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

/** The Failure that a call ends with, for tests that look at its parts. */
export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Failure, error instanceof Error ? error.stack : 'the call succeeded');
  return error;
}
