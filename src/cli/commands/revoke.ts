import { Failure } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { CertificateSpec } from '../../targets/authority/authority.spec.ts';
import { takeLock } from '../../engine/fleet-apply.ts';
import { systemEnvironment } from '../environment.ts';
import { parse, requireOutput } from '../invocation.ts';
import type { Invocation } from '../invocation.ts';
import { openRun } from '../open-run.ts';

/** `revoke CERTIFICATE`: the next apply puts it into the revocation list and gives its user a new one. */
export async function run(invocation: Invocation): Promise<number> {
  const { values, positionals, terminal } = parse(invocation, {}, ['CERTIFICATE']);
  requireOutput(values.output);
  const id = positionals[0] ?? '';
  const { run, compiled } = await openRun(invocation, terminal, { path: values.fleet });
  try {
    await run.openHome({ create: false });
    const certificates = compiled.resources.filter((each) => parseResourceId(each.id).kind === 'certificate');
    const resource = certificates.find((each) => each.id === id);
    const serial = run.outputs.get(id as ResourceId)?.['serial'];
    if (resource === undefined || typeof serial !== 'string') {
      throw new Failure({
        code: 'certificate-unknown',
        message: `${id} is no certificate that this fleet has issued`,
        object: id,
        remedy: `there is ${certificates.map((each) => each.id).join(', ') || 'none'}`,
      });
    }
    const { authorityStore, authorityPath } = resource.spec as CertificateSpec;
    const { revokeSerial } = await import('../../targets/authority/revocation.ts');
    const lock = await takeLock(run, { command: 'revoke' });
    try {
      await revokeSerial({
        backend: await run.store(authorityStore),
        authorityPath,
        serial,
        now: systemEnvironment.now(),
        guard: () => lock.guard(),
      });
    } finally {
      await lock.release();
    }
    terminal.result({ id, serial }, `${id} (serial ${serial}) is to be revoked\n`);
    terminal.err('The next `keywright apply` publishes that and issues a new one.\n');
    return 0;
  } finally {
    await run.close();
  }
}
