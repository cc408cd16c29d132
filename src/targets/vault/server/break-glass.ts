import { Failure } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';
import { armoredFor } from '../../../stores/file/age.ts';
import { VaultClient } from '../../../stores/vault/client.ts';
import type { VaultClientOptions } from '../../../stores/vault/client.ts';
import { VaultRefusal } from '../../../stores/vault/failures.ts';
import { logIn } from '../../../stores/vault/login/login.ts';
import type { LoginMethod } from '../../../stores/vault/login/login.ts';
import { asText } from '../../../stores/vault/reply.ts';
import { breakGlassMount } from './identity-policy.ts';
import type { BreakGlassCredential } from './keywright-identity.ts';

/** The way back in as its holders keep it: JSON with roleId and secretId, readable by each of them, as ASCII armor. */
export function sealBreakGlass(
  { roleId, secretId }: BreakGlassCredential,
  holders: readonly string[],
): Promise<string> {
  return armoredFor(holders, new Secret(JSON.stringify({ roleId, secretId: secretId.expose() })));
}

/** What a holder decrypted. Throws a Failure that repeats nothing of it. */
export function parseBreakGlass(text: Secret): BreakGlassCredential {
  try {
    const { roleId, secretId } = JSON.parse(text.expose()) as Record<string, unknown>;
    if (typeof roleId === 'string' && typeof secretId === 'string') {
      return { roleId, secretId: new Secret(secretId) };
    }
  } catch {
    // Told below, without the text.
  }
  throw new Failure({
    code: 'vault-break-glass-invalid',
    message: 'this is not the way back into a store: it has no roleId and secretId',
    remedy: 'Decrypt what apply printed when the store was made: age -d -i YOUR-IDENTITY FILE',
    exitCode: 64,
  });
}

/**
 * Makes a root token with the way back in and the shares of enough holders, as the last resort when Keywright's own
 * identity is lost. Whoever gets it revokes it when done.
 *
 * Throws `vault-login-failed`, `vault-shares-missing`, `vault-share-wrong`; an unfinished attempt is cancelled.
 */
export async function generateRootToken(
  options: Omit<VaultClientOptions, 'login'>,
  credential: BreakGlassCredential,
  shares: readonly Secret[],
): Promise<Secret> {
  const client = new VaultClient({ ...options, login: breakGlassLogin(options.store, credential) });
  try {
    const attempt = await beginAttempt(client);
    try {
      for (const share of shares.slice(0, attempt.required)) {
        const encoded = await give(client, attempt.nonce, share, options.store);
        if (encoded !== undefined) {
          return new Secret(decode(encoded, attempt.otp));
        }
      }
      throw new Failure({
        code: 'vault-shares-missing',
        message: `${attempt.required} shares are needed for a root token of store ${options.store}, ${shares.length} were given`,
        object: `store/${options.store}`,
        remedy: 'Ask more key holders.',
      });
    } catch (error) {
      await cancel(client).catch(() => {});
      throw error;
    }
  } finally {
    await client.end();
  }
}

interface Attempt {
  readonly nonce: string;
  readonly otp: string;
  readonly required: number;
}

async function beginAttempt(client: VaultClient): Promise<Attempt> {
  // One that somebody broke off would be continued, with an otp that nobody has any more.
  await cancel(client);
  const { data } = await client.request({ method: 'PUT', path: 'sys/generate-root-token/attempt', body: {} });
  return { nonce: asText(data['nonce']), otp: asText(data['otp']), required: Number(data['required']) };
}

async function cancel(client: VaultClient): Promise<void> {
  await client.request({ method: 'DELETE', path: 'sys/generate-root-token/attempt', repeat: 'safe' });
}

async function give(client: VaultClient, nonce: string, share: Secret, store: string): Promise<string | undefined> {
  try {
    const body = { nonce, key: share };
    const { data } = await client.request({ method: 'PUT', path: 'sys/generate-root-token/update', body });
    return data['complete'] === true ? asText(data['encoded_token']) : undefined;
  } catch (error) {
    if (error instanceof VaultRefusal && (error.status === 400 || error.status === 500)) {
      throw new Failure({
        code: 'vault-share-wrong',
        message: `store ${store} does not take these shares`,
        object: `store/${store}`,
        why: 'at least one of them belongs to another cluster or to older keys; the server cannot tell which',
        remedy: 'Check each share with its holder.',
        cause: error,
      });
    }
    throw error;
  }
}

function breakGlassLogin(store: string, { roleId, secretId }: BreakGlassCredential): LoginMethod {
  const name = `the way back in (auth/${breakGlassMount})`;
  const body = { role_id: roleId, secret_id: secretId };
  return {
    name,
    login: (ask) =>
      logIn(
        ask,
        { method: 'POST', path: `auth/${breakGlassMount}/login`, body, repeat: 'safe' },
        { store, name, remedy: 'Use the one of the newest bootstrap: each makes the earlier ones void.' },
      ),
  };
}

/** The token comes as base64 without padding, each byte combined with the one-time password that only the asker has. */
function decode(encoded: string, otp: string): string {
  const masked = Buffer.from(encoded, 'base64');
  return Buffer.from(masked.map((byte, at) => byte ^ otp.charCodeAt(at))).toString();
}
