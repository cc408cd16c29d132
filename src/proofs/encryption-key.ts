import { vaultClientOf } from '../stores/vault/client-of.ts';
import type { VaultClient } from '../stores/vault/client.ts';
import { VaultRefusal } from '../stores/vault/failures.ts';
import { asNumber, asText } from '../stores/vault/reply.ts';
import { broken, held, type Measurer } from './measurer.ts';
import type { EncryptionKeyProbeSpec } from './proofs.spec.ts';

/** What was encrypted is decrypted, or what was signed is verified; and the key is not given out to who asks. */
export const encryptionKeyWorksMeasurer: Measurer<EncryptionKeyProbeSpec> = async ({ store, mount, name }, tools) => {
  const client = vaultClientOf(await tools.run.store(store), store);
  const place = `${mount}/keys/${name}`;
  const key = await client.readIfPresent(place);
  if (key === undefined) {
    return broken(`${place} is not there`);
  }
  if (key.data['soft_deleted'] === true) {
    return broken(`${place} is deleted softly, so nobody can use it`, 'keywright apply');
  }
  const text = Buffer.from(tools.run.environment.randomBytes(32)).toString('base64');
  const encrypts = key.data['supports_encryption'] === true;
  const fault = encrypts
    ? await encryptionFault(client, mount, name, text)
    : await signingFault(client, mount, name, text);
  if (fault !== undefined) {
    return broken(`${place} ${fault}`, 'keywright apply');
  }
  const kind = encrypts ? 'encryption-key' : 'signing-key';
  if (await isGiven(client, `${mount}/export/${kind}/${name}`)) {
    return broken(`${place} can be exported`);
  }
  if (key.data['allow_plaintext_backup'] === true || key.data['exportable'] === true) {
    return broken(`${place} may be taken out in a backup`);
  }
  const did = encrypts ? 'encrypted and decrypted' : 'signed and verified';
  return held(
    `version ${asNumber(key.data['latest_version'])} of ${place} ${did} a random text; its export was refused`,
  );
};

async function encryptionFault(
  client: VaultClient,
  mount: string,
  name: string,
  text: string,
): Promise<string | undefined> {
  const sealed = await use(client, `${mount}/encrypt/${name}`, { plaintext: text });
  if (typeof sealed === 'string') {
    return `does not encrypt: ${sealed}`;
  }
  const opened = await use(client, `${mount}/decrypt/${name}`, { ciphertext: asText(sealed['ciphertext']) });
  if (typeof opened === 'string') {
    return `does not decrypt what it encrypted: ${opened}`;
  }
  return asText(opened['plaintext']) === text ? undefined : 'decrypts to something else';
}

async function signingFault(
  client: VaultClient,
  mount: string,
  name: string,
  text: string,
): Promise<string | undefined> {
  const signed = await use(client, `${mount}/sign/${name}`, { input: text });
  if (typeof signed === 'string') {
    return `does not sign: ${signed}`;
  }
  const signature = asText(signed['signature']);
  const verified = await use(client, `${mount}/verify/${name}`, { input: text, signature });
  return typeof verified === 'object' && verified['valid'] === true ? undefined : 'does not verify what it signed';
}

/** The answer, or in what words the engine refused. */
async function use(
  client: VaultClient,
  path: string,
  body: object,
): Promise<Readonly<Record<string, unknown>> | string> {
  try {
    return (await client.request({ method: 'POST', path, body, repeat: 'safe' })).data;
  } catch (error) {
    if (error instanceof VaultRefusal && error.status === 400) {
      return error.errors.join('; ').trim();
    }
    throw error;
  }
}

async function isGiven(client: VaultClient, path: string): Promise<boolean> {
  try {
    await client.request({ method: 'GET', path });
    return true;
  } catch (error) {
    if (error instanceof VaultRefusal && error.says('not exportable')) {
      return false;
    }
    throw error;
  }
}
