/** What a command's exit code means; the same for all commands. */
export const exitCode = {
  done: 0,
  /** Findings, a broken claim, a failed or refused change. */
  failed: 1,
  /** Changes are pending, or an operation is left to do. */
  pending: 2,
  /** Something could not be asked, and nothing is worse. */
  couldNotAsk: 3,
  wrongUsage: 64,
  /** Ctrl+C. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const;

/** From the worst on. An interruption comes first, because it says that the command is not done. */
const order: readonly number[] = [143, 130, 64, 1, 3, 2, 0];

/** The worst of several outcomes. */
export function worstOf(...codes: readonly number[]): number {
  return order.find((code) => codes.includes(code)) ?? exitCode.failed;
}
