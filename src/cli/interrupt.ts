import { exitCode } from './exit-codes.ts';

/** How a person or a service manager ends a command. */
export interface Interruption {
  /** Aborted at the first Ctrl+C or SIGTERM: what is being written is finished, no more is started. */
  readonly stop: AbortSignal;
  /** Aborted at the second: what is under way is given up. */
  readonly abort: AbortSignal;
  /** 130 or 143 once it was interrupted. */
  code(): number | undefined;
  dispose(): void;
}

let interruptedWith: number | undefined;

/** 130 or 143 once this process was asked to end; an error that comes of it is none to be told. */
export function interruptedCode(): number | undefined {
  return interruptedWith;
}

/** Takes signals over until `dispose`. A third one ends the process at once, as if we were not there. */
export function takeSignals(onStop: () => void = () => {}): Interruption {
  const stop = new AbortController();
  const abort = new AbortController();
  let code: number | undefined;
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = (): void => {
      if (abort.signal.aborted) {
        process.exit(code);
      }
      if (stop.signal.aborted) {
        abort.abort(new Error('interrupted'));
        return;
      }
      code = signal === 'SIGINT' ? exitCode.interrupted : exitCode.terminated;
      interruptedWith = code;
      stop.abort(new Error('interrupted'));
      onStop();
    };
    process.on(signal, handler);
    return () => process.off(signal, handler);
  });
  return {
    stop: stop.signal,
    abort: abort.signal,
    code: () => code,
    dispose: () => handlers.forEach((remove) => remove()),
  };
}
