import { causeOf, Failure } from '../model/failure.ts';
import { wrap } from './text.ts';

/** An error as a program reads it; `code` is stable and documented. */
export interface ErrorJson {
  readonly code: string;
  readonly message: string;
  readonly object?: string;
  readonly file?: string;
  readonly line?: number;
  readonly why?: string;
  readonly remedy?: string;
}

export function errorJson(error: unknown): ErrorJson {
  if (!(error instanceof Failure)) {
    return { code: 'defect', message: causeOf(error) };
  }
  const { code, message, object, file, line, why, remedy, anyway } = error.details;
  return { code, message, object, file, line, why, remedy: remedy ?? anyway };
}

/** The lines of an error: what, then indented where, why and what to do. With `debug`, the stack as well. */
export function failureText(error: unknown, debug: boolean): string {
  const lines: string[] = [];
  if (error instanceof Failure) {
    const { message, file, line, why, remedy, anyway } = error.details;
    lines.push(`error: ${message}`);
    if (file !== undefined) {
      lines.push(`  ${line === undefined ? file : `${file}:${line}`}`);
    }
    for (const part of [why, remedy, anyway]) {
      if (part !== undefined && part !== '') {
        lines.push(...wrap(part, 78).map((each) => `  ${each}`));
      }
    }
  } else {
    lines.push(`error: ${causeOf(error)}`, '  This is a defect of Keywright. --debug shows where it happened.');
  }
  if (debug && error instanceof Error) {
    lines.push(error.stack ?? '');
    if (error.cause instanceof Error) {
      lines.push(`caused by ${error.cause.stack ?? error.cause.message}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
