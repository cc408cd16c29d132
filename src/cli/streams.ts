import { exitCode } from './exit-codes.ts';
import type { Streams } from './terminal.ts';

// Not by import, as in fleet/files.ts.
const { writeSync } = process.getBuiltinModule('node:fs');

/** The streams of this process, each made when it is first asked for: making them costs a fifth of a start. */
export function processStreams(): Streams {
  let made: NodeJS.WriteStream | undefined;
  const stdout = (): NodeJS.WriteStream => {
    // A reader that went away (`| head`) is not an error of ours.
    made ??= process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? exitCode.done : exitCode.failed);
    });
    return made;
  };
  return {
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return stdout();
    },
    get stderr() {
      return process.stderr;
    },
    write(text) {
      const rest = made === undefined ? withoutStream(text) : Buffer.from(text);
      if (rest.length > 0) {
        stdout().write(rest);
      }
    },
  };
}

/** Writes what standard output takes at once, and answers the rest. */
function withoutStream(text: string): Buffer {
  let rest = Buffer.from(text);
  try {
    while (rest.length > 0) {
      rest = rest.subarray(writeSync(1, rest));
    }
  } catch {
    // A pipe that takes nothing just now, or whose reader is gone: what a stream is for.
  }
  return rest;
}
