import { broken, held, type ProofTools } from './measurer.ts';
import { entriesOf } from './vault-entries.ts';
import { ask, asConsumer, type Asked, type StoreSession } from './vault-session.ts';
import type { StoreIdentitySpec, StoreRead } from './vault.spec.ts';

/** Entries of one subtree that are read; one would do for the policy, more find an entry that is out of its reach. */
const mostOfSubtree = 20;

/** Everything that the fleet gives is really read: entries, subtrees, credentials, keys. */
export const storeReadsMeasurer = asConsumer(async (spec, session, tools) => {
  const seen: string[] = [];
  const faults: string[] = [];
  for (const read of spec.reads) {
    const found = await readOne(read, spec, session, tools);
    (found.isFault ? faults : seen).push(found.words);
  }
  const how = spec.wrapSeconds === undefined ? '' : ', each answer wrapped';
  return faults.length === 0
    ? held(`${seen.join('; ')}${how}; ${session.source}`)
    : broken(`${faults.join('; ')}; ${session.source}`, 'keywright apply');
});

interface Found {
  readonly isFault: boolean;
  readonly words: string;
}

async function readOne(
  read: StoreRead,
  spec: StoreIdentitySpec,
  session: StoreSession,
  tools: ProofTools,
): Promise<Found> {
  if ('entry' in read) {
    const asked = await get(read.entry, spec, session);
    return asked.is === 'answered' ? good(`read ${read.entry}`) : fault(read.entry, asked);
  }
  if ('subtree' in read) {
    return readSubtree(read, spec, session, tools);
  }
  if ('creds' in read) {
    const asked = await get(read.creds, spec, session);
    return asked.is === 'answered' && typeof asked.data['username'] === 'string'
      ? good(`got a login of ${read.creds}, revoked after this`)
      : fault(read.creds, asked);
  }
  return 'sign' in read ? signWith(read, spec, session, tools) : useKey(read, spec, session, tools);
}

async function readSubtree(
  { subtree, list }: Extract<StoreRead, { subtree: string }>,
  spec: StoreIdentitySpec,
  session: StoreSession,
  tools: ProofTools,
): Promise<Found> {
  const listed = await ask(session, { method: 'LIST', path: list });
  if (listed.is === 'refused') {
    return fault(`the list of ${list}`, listed);
  }
  const folder = subtree.slice(`${spec.mounts.kv}/data/`.length);
  const inside = (await entriesOf(tools.run, spec.store)).filter(
    (path) => path.startsWith(folder) && !path.startsWith('keywright/'),
  );
  const some = inside.slice(0, mostOfSubtree);
  for (const path of some) {
    const api = `${spec.mounts.kv}/data/${path}`;
    const asked = await get(api, spec, session);
    if (asked.is !== 'answered') {
      return fault(api, asked);
    }
  }
  return good(`listed ${list} and read ${some.length} of ${inside.length} entries there`);
}

/** A text of our own goes through the key and comes back; nothing of it is kept. */
async function useKey(
  { encrypt, decrypt }: Extract<StoreRead, { encrypt: string }>,
  spec: StoreIdentitySpec,
  session: StoreSession,
  tools: ProofTools,
): Promise<Found> {
  const text = Buffer.from(tools.run.environment.randomBytes(24)).toString('base64');
  const post = (path: string, body: object): Promise<Asked> =>
    ask(session, { method: 'POST', path, body, repeat: 'safe', ...wrapping(spec) });
  const encrypted = await post(encrypt, { plaintext: text });
  if (encrypted.is !== 'answered') {
    return fault(encrypt, encrypted);
  }
  const decrypted = await post(decrypt, { ciphertext: encrypted.data['ciphertext'] });
  return decrypted.is === 'answered' && decrypted.data['plaintext'] === text
    ? good(`encrypted and decrypted with ${encrypt.split('/').slice(2).join('/')}`)
    : fault(decrypt, decrypted);
}

/** A text of our own is signed with the key, and the signature verified. */
async function signWith(
  { sign, verify }: Extract<StoreRead, { sign: string }>,
  spec: StoreIdentitySpec,
  session: StoreSession,
  tools: ProofTools,
): Promise<Found> {
  const input = Buffer.from(tools.run.environment.randomBytes(24)).toString('base64');
  const post = (path: string, body: object): Promise<Asked> =>
    ask(session, { method: 'POST', path, body, repeat: 'safe', ...wrapping(spec) });
  const signed = await post(sign, { input });
  if (signed.is !== 'answered') {
    return fault(sign, signed);
  }
  const verified = await post(verify, { input, signature: signed.data['signature'] });
  return verified.is === 'answered' && verified.data['valid'] === true
    ? good(`signed and verified with ${sign.split('/').slice(2).join('/')}`)
    : fault(verify, verified);
}

function get(path: string, spec: StoreIdentitySpec, session: StoreSession): Promise<Asked> {
  return ask(session, { method: 'GET', path, ...wrapping(spec) });
}

export function wrapping({ wrapSeconds }: Pick<StoreIdentitySpec, 'wrapSeconds'>): { readonly wrapTtl?: string } {
  return wrapSeconds === undefined ? {} : { wrapTtl: `${wrapSeconds}s` };
}

function good(words: string): Found {
  return { isFault: false, words };
}

function fault(what: string, { is }: Asked): Found {
  const words =
    is === 'refused' ? `is refused ${what}` : is === 'absent' ? `finds nothing at ${what}` : `cannot use ${what}`;
  return { isFault: true, words };
}
