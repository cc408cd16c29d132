/** What an error tells a person, in four parts, and a program, by its code. */
export interface FailureDetails {
  /** Stable and documented, kebab-case, for example `store-locked`. */
  readonly code: string;
  /** What was found, naming the object. */
  readonly message: string;
  /** Resource, document or path it is about. */
  readonly object?: string;
  readonly file?: string;
  readonly line?: number;
  /** Why it matters. */
  readonly why?: string;
  /** The exact setting or command that mends it. */
  readonly remedy?: string;
  /** How to go on anyway, where that is safe. */
  readonly anyway?: string;
  /** Which exit code it stands for; 1 unless told. */
  readonly exitCode?: 1 | 2 | 3 | 64;
  readonly cause?: unknown;
}

/** An expected failure: shown as a message, never as a stack trace. Anything else that is thrown is a defect. */
export class Failure extends Error {
  readonly details: FailureDetails;

  constructor(details: FailureDetails) {
    super(details.message, { cause: details.cause });
    this.name = 'Failure';
    this.details = details;
  }

  get code(): string {
    return this.details.code;
  }

  get exitCode(): 1 | 2 | 3 | 64 {
    return this.details.exitCode ?? 1;
  }
}

/** The message of anything that was thrown, for a sentence that names a cause. */
export function causeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return causeOf(error.errors[0]);
  }
  return error instanceof Error ? error.message || error.name : String(error);
}

/** Anything that was thrown, as an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(causeOf(error));
}
