/** What `env` holds, and what had to be left out of it. */
export interface EnvFile {
  readonly text: string;
  /** Sentences for a person, without values. */
  readonly leftOut: readonly string[];
}

/** Names that would change how the shell that reads the file works, or that it refuses to set. */
const dangerous =
  /^(PATH|IFS|ENV|CDPATH|PS4|SHELLOPTS|BASHOPTS|BASH_.*|LD_.*|DYLD_.*|UID|EUID|PPID|GLOBIGNORE|NODE_OPTIONS)$/;

/** Two values of one name; the caller knows which object to name. */
export class EnvNameTaken extends Error {
  readonly names: readonly [string, string];
  constructor(first: string, second: string) {
    super(`${first} and ${second} meet in one variable`);
    this.names = [first, second];
  }
}

/**
 * A file of variables that `sh` (`set -a; . ./env`), systemd (`EnvironmentFile=`) and most libraries read alike:
 * `NAME="value"`, with a backslash before what a shell would take as its own inside double quotes. `given`: a key that can
 * be the name of a variable is one.
 */
export function renderEnv(values: ReadonlyMap<string, string>, names: 'given' | 'capitals'): EnvFile {
  const lines = new Map<string, { readonly from: string; readonly line: string }>();
  const leftOut: string[] = [];
  for (const [key, value] of values) {
    const name = names === 'given' && /^[A-Za-z_]\w*$/.test(key) ? key : variableName(key);
    const taken = lines.get(name);
    if (taken !== undefined) {
      throw new EnvNameTaken(taken.from, key);
    }
    if (dangerous.test(name)) {
      leftOut.push(`${key} is not in env: ${name} would change how a shell works`);
    } else if (value.includes('\0')) {
      leftOut.push(`${key} is not in env: no variable can hold a NUL byte`);
    } else {
      lines.set(name, { from: key, line: `${name}=${quoted(value)}\n` });
    }
  }
  return { text: [...lines.values()].map(({ line }) => line).join(''), leftOut };
}

/** Capitals, and `_` for what no name of a variable may hold. */
export function variableName(key: string): string {
  const name = key.toUpperCase().replace(/[^A-Z0-9]/g, '_');
  return /^\d/.test(name) ? `_${name}` : name;
}

function quoted(value: string): string {
  return `"${value.replace(/[\\"$`]/g, '\\$&')}"`;
}
