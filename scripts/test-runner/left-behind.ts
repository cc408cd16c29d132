import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** The variable by which processes that a test file started are known, in whatever session they are by now. */
export const markVariable = 'KEYWRIGHT_TEST_GROUP';

interface Process {
  readonly pid: number;
  readonly command: string;
}

/** Processes of a test group that still run: in the worker's process group, or with its mark in their environment. */
function survivors(mark: string, group: number): Process[] {
  const found: Process[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // After the command in parentheses: state, parent, process group.
      const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z') continue;
      const isMarked = () => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`${markVariable}=${mark}\0`);
      if (Number(processGroup) !== group && !isMarked()) continue;
      found.push({ pid, command: readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() });
    } catch {
      // It ended meanwhile, or belongs to another account.
    }
  }
  return found;
}

/**
 * Ends what a test file left running.
 *
 * @returns the command lines of the processes that had not ended by themselves within the grace time
 */
export async function endSurvivors(mark: string, group: number, graceMilliseconds = 3_000): Promise<string[]> {
  if (process.platform !== 'linux') return [];
  const deadline = performance.now() + graceMilliseconds;
  let left = survivors(mark, group);
  while (left.length > 0 && performance.now() < deadline) {
    await delay(100);
    left = survivors(mark, group);
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended meanwhile.
    }
  }
  return left.map(({ command }) => command);
}
