// npm run bench -- NAME [ARGUMENTS]: a measurement of bench/; without a name, the list of them.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../bench');
const names = globSync('*.ts', { cwd: folder }).map((file) => file.slice(0, -'.ts'.length));
const [name, ...args] = process.argv.slice(2);

if (name !== undefined && names.includes(name)) {
  const { status, signal } = spawnSync(process.execPath, [join(folder, `${name}.ts`), ...args], { stdio: 'inherit' });
  process.exitCode = signal === null ? (status ?? 1) : 130;
} else {
  process.stderr.write(`usage: npm run bench -- NAME, one of: ${names.toSorted().join(', ')}\n`);
  process.exitCode = name === undefined ? 0 : 64;
}
