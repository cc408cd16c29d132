// npm run build: bundles src/ into dist/, which is what the package ships; type stripping is refused below node_modules.
// Everything that is JavaScript is bundled, so that the package installs nothing but the two platform packages and
// starts from a few files: these are devDependencies. What is loaded late in src/ stays a file that is loaded late.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import type { OutputOptions, Plugin, RolldownOutput } from 'rolldown';
import { licenseTexts } from './build/licenses.ts';

const root = join(import.meta.dirname, '..');
/** As deep as src/cli, so that paths relative to a file of ours mean the same in the bundle. */
const target = join(root, 'dist/cli');

/** saslprep reads its tables from a file beside it; in the bundle they are part of the module. */
const inlineSaslprepTables: Plugin = {
  name: 'inline-saslprep-tables',
  transform(code, id) {
    if (!id.endsWith('saslprep/lib/memory-code-points.js')) return undefined;
    const reading = `fs.readFileSync(path.resolve(__dirname, '../code-points.mem'))`;
    if (!code.includes(reading)) throw new Error(`${id} no longer reads its tables by ${reading}`);
    const tables = brotliCompressSync(readFileSync(join(id, '../../code-points.mem'))).toString('base64');
    return code.replace(reading, `require('node:zlib').brotliDecompressSync(Buffer.from('${tables}', 'base64'))`);
  },
};

async function build(): Promise<RolldownOutput['output']> {
  const bundle = await rolldown({
    cwd: root,
    input: { main: 'src/cli/main.ts', help: 'src/cli/help.ts' },
    platform: 'node',
    // pg asks for the first if it is there, and for the second in another runtime; neither is ours to ship.
    external: ['pg-native', 'cloudflare:sockets'],
    plugins: [inlineSaslprepTables],
    onLog(level, log, report) {
      // What is not found, or not what it was taken for, would otherwise only show when a command runs.
      if (level === 'warn') throw new Error(log.message);
      report(level, log);
    },
  });
  const options: OutputOptions = {
    dir: target,
    format: 'esm',
    minify: true,
    chunkFileNames: '[name]-[hash].js',
    // `check` is started by editors and hooks: two files instead of twenty, each of which costs a hundredth of its time.
    codeSplitting: {
      groups: [
        { name: 'start', test: /src\/cli\/(main|commands\/check)\.ts$/ },
        { name: 'language', test: /src\/(fleet\/(load|locate)|checks\/check)\.ts$/ },
      ],
    },
  };
  return (await bundle.write(options)).output;
}

rmSync(join(root, 'dist'), { recursive: true, force: true });
try {
  const output = await build();
  const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  writeFileSync(join(root, 'dist/THIRD-PARTY-LICENSES.txt'), licenseTexts(modules));
  const bytes = output.reduce((sum, file) => sum + (file.type === 'chunk' ? file.code.length : 0), 0);
  // Not on standard output: there npm prints the name of the package.
  process.stderr.write(`dist/: ${output.length} files, ${Math.round(bytes / 1024)} KiB\n`);
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
