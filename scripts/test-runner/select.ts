import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

/** Test files that share a process. */
export interface TestGroup {
  readonly title: string;
  readonly files: readonly string[];
  readonly limitSeconds: number;
}

export interface Selection {
  /** In one process: they start no server and change nothing global. */
  readonly unit: TestGroup | undefined;
  /** A process per file. */
  readonly separate: readonly TestGroup[];
  readonly jobs: number;
  /** A pattern of test names; all when undefined. */
  readonly name: string | undefined;
}

const limits = { unit: 180, servers: 420, 'end-to-end': 900 };

/**
 * Which test files an invocation means.
 *
 * @param args - paths or parts of paths, `--unit`, `--name PATTERN`, `--jobs N`
 * @param root - the folder that holds `test/`
 * @throws when an option is unknown or no file matches a filter
 */
export function selectTests(args: readonly string[], root: string): Selection {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { unit: { type: 'boolean' }, name: { type: 'string' }, jobs: { type: 'string' } },
  });
  const filters = positionals.map((path) => path.replace(/^\.\//, ''));
  const inFolder = (folder: string) =>
    globSync(`test/${folder}/**/*.test.ts`, { cwd: root })
      .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
      .toSorted();
  const unit = inFolder('unit');
  const separate = values.unit
    ? []
    : (['servers', 'end-to-end'] as const).flatMap((folder) =>
        inFolder(folder).map((file) => ({ title: file, files: [file], limitSeconds: limits[folder] })),
      );
  if (unit.length + separate.length === 0) throw new Error(`No test file matches ${filters.join(' ') || 'test/'}`);
  return {
    unit: unit.length === 0 ? undefined : { title: 'unit tests', files: unit, limitSeconds: limits.unit },
    separate,
    jobs: values.jobs === undefined ? Math.min(availableParallelism(), 4) : Math.max(1, Number(values.jobs) || 1),
    name: values.name,
  };
}
