import { causeOf, Failure } from '../../model/failure.ts';

/** SQLSTATE of an error from the server, also inside a Failure; undefined for any other error. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof Failure) {
    return sqlState(error.details.cause);
  }
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Two writers of one catalog row, or a deadlock: the same statement succeeds when it is sent again. */
export function isTransient(error: unknown): boolean {
  const code = sqlState(error);
  return code === '40001' || code === '40P01' || (code === 'XX000' && /concurrently/.test(causeOf(error)));
}

/** The connection is gone, and with it what the server was doing. */
export function isConnectionLoss(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  const lost = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', '57P01', '57P02', '57P03'];
  return (
    (typeof code === 'string' && lost.includes(code)) || /Connection terminated|not queryable/.test(causeOf(error))
  );
}

/** What a server said about a statement, without anything that could be a verifier. */
function saidBy(error: unknown): string {
  const { detail, hint } = error as { detail?: string; hint?: string };
  return [causeOf(error), detail, hint]
    .filter((part) => part !== undefined && part !== '')
    .join('; ')
    .replaceAll(/SCRAM-SHA-256\$[^\s"']*/g, '[verifier]');
}

/** An expected failure of a statement that was sent for `object`. `log` is the end of the server's log, where it helps. */
export function sqlFailure(object: string, error: unknown, log = ''): Failure {
  if (error instanceof Failure) {
    return error;
  }
  const said = saidBy(error);
  return new Failure({
    code: isConnectionLoss(error) ? 'postgres-unreachable' : 'postgres-refused',
    message: `${object}: ${said}${log === '' ? '' : `; the server's log ends with:\n${log}`}`,
    object,
    exitCode: isConnectionLoss(error) ? 3 : 1,
    cause: error,
  });
}
