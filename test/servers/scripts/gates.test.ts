import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';

const repository = join(import.meta.dirname, '../../..');
type Files = Readonly<Record<string, string>>;

/** A small clean project under the real gates and their real configuration. */
const clean: Files = {
  'bin/entry.js': `import { main } from '../src/cli/main.ts';\n\nprocess.exitCode = await main();\n`,
  'src/cli/main.ts':
    `import { load } from '../fleet/load.ts';\n\nexport async function main(): Promise<number> {\n` +
    `  return (await load()) === undefined ? 1 : 0;\n}\n`,
  'src/cli/help.ts': `export function helpText(): string {\n  return 'help';\n}\n`,
  'src/fleet/load.ts':
    `import type { Id } from '../model/ids.ts';\n\nexport async function load(): Promise<Id | undefined> {\n` +
    `  return 'a';\n}\n`,
  'src/model/ids.ts': `export type Id = string;\n`,
  'src/engine/interfaces.ts': `export interface Context {\n  readonly name: string;\n}\n`,
  'src/targets/postgres/role.spec.ts': `export const role = 'role';\n`,
  'test/unit/fleet/load.test.ts':
    `import assert from 'node:assert/strict';\nimport { test } from 'node:test';\n` +
    `import type { Context } from '../../../src/engine/interfaces.ts';\n` +
    `import { load } from '../../../src/fleet/load.ts';\n` +
    `import { role } from '../../../src/targets/postgres/role.spec.ts';\n\n` +
    `test('loads', async () => {\n  const context: Context = { name: role };\n` +
    `  assert.equal(context.name, role);\n  assert.equal(await load(), 'a');\n});\n`,
};

/** Runs gates over the clean project with some files planted into it. */
function check(t: TestContext, planted: Files, gates: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), 'keywright-gates-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of ['scripts', 'tsconfig.json', '.oxlintrc.json', '.oxfmtrc.json', 'knip.json', '.gitignore']) {
    cpSync(join(repository, path), join(folder, path), { recursive: true });
  }
  // The one script that reads the language, which a planted project does not have.
  rmSync(join(folder, 'scripts/generate-docs.ts'));
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  const { scripts, devDependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as Files;
  const tools = JSON.stringify({ name: 'planted', type: 'module', scripts, devDependencies }, undefined, 2);
  for (const [path, content] of Object.entries({ 'package.json': `${tools}\n`, ...clean, ...planted })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const { status, stdout } = spawnSync(process.execPath, [join(folder, 'scripts/check.ts'), ...gates], {
    encoding: 'utf8',
  });
  return { status, stdout };
}

/** The gates fail, and print each of the findings. */
function finds(t: TestContext, planted: Files, gate: string, ...findings: readonly RegExp[]): void {
  const { status, stdout } = check(t, planted, [gate]);
  for (const finding of findings) assert.match(stdout, finding);
  assert.equal(status, 1, stdout);
}

describe('the gates', () => {
  test('have no finding in a clean project', (t) => {
    const { status, stdout } = check(t, {}, ['format', 'lint', 'types']);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /formatting +no findings +\d+\.\d s/);
  });

  test('all run, and all findings are printed, when the first fails', (t) => {
    const { status, stdout } = check(t, {
      'src/model/ids.ts': `export type Id = "a"\nexport const wrong: number = 'a'`,
    });
    assert.equal(status, 1);
    assert.match(stdout, /formatting +FAILED[^]*src\/model\/ids\.ts/);
    assert.match(stdout, /types +FAILED[^]*src\/model\/ids\.ts/);
    assert.match(stdout, /unused code and packages +FAILED[^]*wrong[^]*src\/model\/ids\.ts/);
  });

  test('refuse a name that is none of them', (t) => {
    assert.equal(check(t, {}, ['typos']).status, 64);
  });
});

describe('the formatting gate finds', () => {
  test('double quotes', (t) =>
    finds(t, { 'src/model/ids.ts': 'export type Id = "a";\n' }, 'format', /src\/model\/ids\.ts/));
  test('lines over 120 columns', (t) => {
    const line = `export const longLine = ['${'a'.repeat(60)}', '${'b'.repeat(60)}'];\n`;
    finds(t, { 'src/model/ids.ts': line }, 'format', /src\/model\/ids\.ts/);
  });
});

describe('the lint gate finds', () => {
  const lint = (t: TestContext, path: string, body: string, ...findings: readonly RegExp[]) => {
    finds(
      t,
      { [path]: body },
      'lint',
      ...findings.map((finding) => new RegExp(`^${path}:\\d+:\\d+: .*${finding.source}`, 'm')),
    );
  };
  const target = 'src/targets/postgres/role.ts';

  test('a promise that nobody awaits', (t) => {
    const load = `import { load } from './load.ts';\n`;
    lint(t, 'src/fleet/other.ts', `${load}export function start(): void {\n  load();\n}\n`, /no-floating-promises/);
  });
  test('a promise where a truth is asked for', (t) => {
    const load = `import { load } from './load.ts';\n`;
    lint(t, 'src/fleet/other.ts', `${load}export const loaded = load() ? 1 : 2;\n`, /no-misused-promises/);
  });
  test('any', (t) => lint(t, 'src/model/other.ts', 'export const value: any = 1;\n', /no-explicit-any/));
  test('a union whose switch leaves a case out', (t) => {
    const body =
      `export function name(verdict: 'held' | 'broken'): string {\n  switch (verdict) {\n    case 'held':\n` +
      `      return 'held';\n  }\n  return '';\n}\n`;
    lint(t, 'src/model/other.ts', body, /switch-exhaustiveness-check/);
  });
  test('a cycle of imports', (t) => {
    finds(
      t,
      {
        'src/model/one.ts': `import { two } from './two.ts';\nexport const one = () => two;\n`,
        'src/model/two.ts': `import { one } from './one.ts';\nexport const two = () => one;\n`,
      },
      'lint',
      /src\/model\/(one|two)\.ts:1:\d+: .*no-cycle/,
    );
  });
  test('a comment that turns off a rule that finds nothing', (t) => {
    lint(t, 'src/model/other.ts', '// oxlint-disable-next-line no-var\nexport const a = 1;\n', /Unused/);
  });
  test('output by console in src/', (t) => lint(t, 'src/model/other.ts', `console.log('a');\n`, /no-console/));

  const ways = {
    'an import': `import { load } from '../fleet/load.ts';\nexport const a = load;\n`,
    'an import of types': `import type { load } from '../fleet/load.ts';\nexport type A = typeof load;\n`,
    'a late import': `export const a = async () => import('../fleet/load.ts');\n`,
    'a re-export': `export { load } from '../fleet/load.ts';\n`,
    'a re-export of everything': `export * from '../fleet/load.ts';\n`,
    'an import in a type': `export type A = typeof import('../fleet/load.ts');\n`,
  };
  for (const [way, body] of Object.entries(ways)) {
    test(`${way} that the import table does not allow`, (t) => {
      lint(
        t,
        'src/model/other.ts',
        body,
        /model\/ may not import fleet\/load\.ts; it may import nothing .*keywright\(rooms\)/,
      );
    });
  }
  test('an import of the engine beside its interfaces', (t) => {
    const body =
      `import type { Context } from '../../engine/interfaces.ts';\nimport { run } from '../../engine/run.ts';\n` +
      `export const a = (context: Context) => run(context);\n`;
    const { stdout } = check(t, { [target]: body, 'src/engine/run.ts': 'export const run = (a: unknown) => a;\n' }, [
      'lint',
    ]);
    assert.match(stdout, /role\.ts:2:\d+: targets\/ may not import engine\/run\.ts/);
    assert.doesNotMatch(stdout, /role\.ts:1:/);
  });
  test("an import of a target's live half by compile", (t) => {
    const body =
      `import { role } from '../targets/postgres/role.spec.ts';\nimport { live } from '../targets/postgres/role.ts';\n` +
      `export const a = [role, live];\n`;
    const { stdout } = check(t, { 'src/compile/a.ts': body, [target]: 'export const live = 1;\n' }, ['lint']);
    assert.match(stdout, /compile\/a\.ts:2:\d+: compile\/ may not import targets\/postgres\/role\.ts/);
    assert.doesNotMatch(stdout, /a\.ts:1:/);
  });
  test('an import of a computed path', (t) => {
    lint(t, 'src/model/other.ts', 'export const a = async (path: string) => import(path);\n', /computed import/);
  });
  test('an import from outside src/', (t) => {
    lint(t, 'src/model/other.ts', `import '../../scripts/tools.ts';\n`, /lies outside/);
  });
  test('a room that the import table does not have', (t) => {
    lint(t, 'src/utilities/other.ts', 'export const a = 1;\n', /is in no room/);
  });

  const impolite = {
    'process.chdir': `process.chdir('/');`,
    'process.exit': `process.exit(0);`,
    'a write to process.env': `process.env['HOME'] = '/';`,
    'a deletion from process.env': `delete process.env['HOME'];`,
    'process.exitCode': `process.exitCode = 0;`,
  };
  for (const [name, statement] of Object.entries(impolite)) {
    test(`${name} in a unit test`, (t) => {
      const body = `import { test } from 'node:test';\ntest('a', () => {\n  ${statement}\n});\n`;
      lint(t, 'test/unit/model/other.test.ts', body, /keywright\(unit-test-isolation\)/);
    });
  }
  test('none of these in a test of its own process', (t) => {
    const body = `import { test } from 'node:test';\ntest('a', () => {\n  process.chdir('/');\n});\n`;
    assert.equal(check(t, { 'test/servers/model/other.test.ts': body }, ['lint']).status, 0);
  });
});

describe('the types gate finds', () => {
  const types = (t: TestContext, body: string, finding: RegExp) =>
    finds(t, { 'src/model/other.ts': body }, 'types', finding);

  test('a wrong type', (t) =>
    types(t, `export const a: number = 'a';\n`, /src\/model\/other\.ts\(1,14\): error TS2322/));
  test('an index that may be missing', (t) => {
    types(t, 'export const a = (list: string[]): string => list[0];\n', /other\.ts\(1,\d+\): error TS2322/);
  });
  test('syntax that type stripping cannot erase', (t) => {
    types(t, 'export enum Verdict {\n  held,\n}\n', /other\.ts\(1,\d+\): error TS1294/);
  });
  test('a mistake in plain JavaScript', (t) => {
    finds(
      t,
      { 'bin/entry.js': 'process.exitCode = await nothing();\n' },
      'types',
      /bin\/entry\.js\(1,\d+\): error TS2304/,
    );
  });
});

describe('the gate for unused code finds', () => {
  test('an export that nobody imports', (t) => {
    const body = `export type Id = string;\nexport const nobodys = 1;\n`;
    finds(t, { 'src/model/ids.ts': body }, 'unused', /nobodys +src\/model\/ids\.ts:2:\d+/);
  });
  test('a file that nobody imports', (t) => {
    finds(t, { 'src/model/nobodys.ts': 'export const a = 1;\n' }, 'unused', /Unused files[^]*src\/model\/nobodys\.ts/);
  });
  test('a package that nobody imports', (t) => {
    const manifest = { name: 'planted', type: 'module', dependencies: { 'age-encryption': '0.3.1' } };
    finds(t, { 'package.json': JSON.stringify(manifest) }, 'unused', /Unused dependencies[^]*age-encryption/);
  });
  test('a package that the manifest does not name', (t) => {
    finds(
      t,
      { 'src/model/ids.ts': `import 'age-encryption';\nexport type Id = string;\n`, 'package.json': '{}' },
      'unused',
      /Unlisted[^]*age-encryption/,
    );
  });
  test('an import of a file that is not there', (t) => {
    finds(
      t,
      { 'src/model/ids.ts': `import './missing.ts';\nexport type Id = string;\n` },
      'unused',
      /Unresolved[^]*missing\.ts/,
    );
  });
});
