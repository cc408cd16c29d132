import { strings } from '../stores/vault/reply.ts';
import { broken, held } from './measurer.ts';
import { wrapping } from './vault-reads.ts';
import { ask, asConsumer } from './vault-session.ts';

/** No entry has this version, so a write that asks for it goes through every check and changes nothing. */
export const impossibleVersion = 2_147_483_647;

/** Name of an entry that nobody has, to ask about a subtree. */
export const probeName = 'keywright-probe';

/** An entry that a pattern takes in. */
export function exampleOf(pattern: string): string {
  return pattern.endsWith('**') ? `${pattern.slice(0, -2)}${probeName}` : pattern;
}

/** The policy lets a write through, up to the check-and-set that can never hold. */
export const storeWritesMeasurer = asConsumer(async (spec, session) => {
  const faults: string[] = [];
  for (const pattern of spec.writes) {
    const path = `${spec.mounts.kv}/data/${exampleOf(pattern)}`;
    const body = { options: { cas: impossibleVersion }, data: {} };
    const asked = await ask(session, { method: 'POST', path, body, repeat: 'safe', ...wrapping(spec) });
    const can = strings((await session.client.capabilities([path])).get(path));
    if (asked.is !== 'notMatched' || !can.includes('create') || !can.includes('update')) {
      faults.push(`is refused to write ${path} (has ${can.join(', ')})`);
    }
  }
  return faults.length === 0
    ? held(`create and update on ${spec.writes.join(', ')}; nothing was written; ${session.source}`)
    : broken(`${faults.join('; ')}; ${session.source}`, 'keywright apply');
});
