import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The licence texts of all packages that modules come from; their licences ask to be shipped with the code.
 *
 * @param modules - absolute paths of bundled files
 * @throws when a package names no licence
 */
export function licenseTexts(modules: readonly string[]): string {
  const folders = new Set<string>();
  for (const module of modules) {
    const folder = packageFolder(module);
    if (folder !== undefined) folders.add(folder);
  }
  return [...folders]
    .toSorted()
    .map(licenseText)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function packageFolder(module: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(module)?.[0];
}

function licenseText(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  if (license === undefined) throw new Error(`${name} names no licence`);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text =
    file === undefined ? 'The package brings no text of it.' : readFileSync(join(folder, file), 'utf8').trim();
  return `${name} ${version}, licence ${license}\n\n${text}\n`;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}
