/** A process that puts one generation after another into a folder; killed by the test at any moment. Argument: folder. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { resourceId, targetId } from '../../src/model/ids.ts';
import { putGeneration } from '../../src/targets/file/generation.ts';
import { newGenerationName } from '../../src/targets/file/inspect.ts';

/** Names of the files of each generation; all of one generation have the same content. */
export const fileNames = ['one', 'two', 'three', 'four', 'five', 'env'];

export const writerId = resourceId(targetId('site', 'site-a'), 'directory', 'orders', 'app');

export function owner(): { readonly uid: number; readonly gid: number } {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? '';
  process.stdout.write('ready\n');
  for (;;) {
    const content = randomBytes(24)
      .toString('hex')
      .repeat(1 + Math.floor(Math.random() * 200));
    await putGeneration({
      folder,
      id: writerId,
      fleet: 'test',
      owner: owner(),
      generation: newGenerationName(new Date(), randomBytes(4)),
      delivery: { files: new Map(fileNames.map((name) => [name, Buffer.from(content)])), notes: [] },
      pending: Math.random() < 0.5,
      suffix: randomBytes(4).toString('hex'),
      guard: () => {},
    });
  }
}
