import { Failure } from '../../model/failure.ts';
import type { FileStoreExtras } from '../../stores/file/file-store.ts';
import { parse, requireOutput, wrongUsage } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';

const options = { recipient: { type: 'string' }, out: { type: 'string' } } as const;

/** `store backup-key [STORE] --recipient RECIPIENT`: the key of a file store, encrypted to somebody else. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, options, ['backup-key', 'STORE?']);
  requireOutput(values.output);
  if (positionals[0] !== 'backup-key') {
    throw wrongUsage(
      `store ${positionals[0]} is not known`,
      'keywright store backup-key STORE --recipient AGE-RECIPIENT',
    );
  }
  if (values.recipient === undefined) {
    throw wrongUsage('--recipient is missing', 'an age recipient, as age-keygen prints it: age1…');
  }
  const { run, fleet } = await openRun(invocation, terminal, { path: values.fleet });
  try {
    const name = positionals[1] ?? fleet.home;
    await run.openHome({ create: false });
    const store = (await run.store(name)) as unknown as Partial<FileStoreExtras>;
    if (store.backupKey === undefined) {
      throw new Failure({
        code: 'store-without-key-file',
        message: `store ${name} is no file store: it has no key of its own to back up`,
        object: `store/${name}`,
      });
    }
    const backup = await store.backupKey(values.recipient);
    if (values.out === undefined) {
      terminal.result(
        { store: name, recipient: values.recipient, backup },
        backup.endsWith('\n') ? backup : `${backup}\n`,
      );
    } else {
      const { writeFileSafely } = await import('../write-file.ts');
      await writeFileSafely(invocation.cwd, values.out, backup);
      terminal.result({ store: name, recipient: values.recipient, file: values.out }, `wrote ${values.out}\n`);
    }
    terminal.err(`Read it with: age -d -i YOUR-IDENTITY ${values.out ?? 'BACKUP'}\n`);
    return 0;
  } finally {
    await run.close();
  }
}
