import { broken, held } from './measurer.ts';
import { ask, asConsumer } from './vault-session.ts';
import type { StoreRead } from './vault.spec.ts';
import { exampleOf } from './vault-writes.ts';
import type { VaultCall } from '../stores/vault/call.ts';

/** What is asked for in clear, or wrapped for longer than the fleet lets it, is refused. */
export const storeWrapsMeasurer = asConsumer(async (spec, session) => {
  const faults: string[] = [];
  const calls = spec.reads.map(callOf);
  for (const call of calls) {
    if ((await ask(session, call)).is !== 'refused') {
      faults.push(`gets ${call.path} in clear`);
    }
    const longer = (spec.wrapSeconds ?? 0) + 1;
    if ((await ask(session, { ...call, wrapTtl: `${longer}s` })).is !== 'refused') {
      faults.push(`gets ${call.path} wrapped for ${longer} s`);
    }
  }
  return faults.length === 0
    ? held(`refused in clear and wrapped beyond ${spec.wrapSeconds} s: ${calls.map(({ path }) => path).join(', ')}`)
    : broken(`${faults.join('; ')}; ${session.source}`, 'keywright apply');
});

function callOf(read: StoreRead): VaultCall {
  if ('encrypt' in read) {
    return { method: 'POST', path: read.encrypt, body: { plaintext: '' }, repeat: 'safe' };
  }
  if ('sign' in read) {
    return { method: 'POST', path: read.sign, body: { input: '' }, repeat: 'safe' };
  }
  return {
    method: 'GET',
    path: 'entry' in read ? read.entry : 'creds' in read ? read.creds : exampleOf(`${read.subtree}**`),
  };
}
