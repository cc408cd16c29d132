import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** What tells one running process from every other, also after its pid was given to another. */
export interface ProcessIdentity {
  readonly host: string;
  /** Changes with each boot; empty where the system has none. */
  readonly bootId: string;
  /** Pids only mean something inside their namespace. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Clock ticks since boot at its start; empty where the system does not tell. */
  readonly startedAt: string;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return {
    host: hostname(),
    bootId: quietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    pidNamespace: quietly(() => readlinkSync('/proc/self/ns/pid')),
    pid: process.pid,
    startedAt: processStart(process.pid),
  };
}

/** Whether `process` surely has ended: only what runs on this host, in this boot and this pid namespace can be judged. */
export function hasEnded(other: ProcessIdentity, self: ProcessIdentity = ownIdentity()): boolean {
  if (other.host !== self.host || other.pidNamespace !== self.pidNamespace) {
    return false;
  }
  if (other.bootId !== self.bootId) {
    return other.bootId !== '' && self.bootId !== '';
  }
  if (!isRunning(other.pid)) {
    return true;
  }
  const startedAt = processStart(other.pid);
  return other.startedAt !== '' && startedAt !== '' && startedAt !== other.startedAt;
}

/** Whether a process of that number exists, whoever owns it. A zombie counts as ended. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const state = statFields(pid)?.[0];
  return state !== 'Z' && state !== 'X';
}

/** Field 22 of /proc/<pid>/stat: start time in clock ticks since boot; empty when there is no such process or file. */
function processStart(pid: number): string {
  return statFields(pid)?.[19] ?? '';
}

/** The fields after the command name, which may itself hold spaces and parentheses. */
function statFields(pid: number): string[] | undefined {
  const text = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  return text === '' ? undefined : text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
