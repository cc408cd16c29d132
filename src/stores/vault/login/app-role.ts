import { Secret } from '../../../model/secret.ts';
import { writeWhole } from '../../file/durable-file.ts';
import type { Ask } from '../call.ts';
import { loginFailed } from '../failures.ts';
import { asText } from '../reply.ts';
import { logIn } from './login.ts';
import type { LoginMethod } from './login.ts';
import { readSecretFile } from './secret-file.ts';

export interface AppRoleLogin {
  readonly store: string;
  /** Of the auth method, `approle` unless told. */
  readonly mount?: string;
  readonly roleIdFile: string;
  /**
   * Holds the secret id, or a token that wraps it: that is unwrapped once, and the file's content replaced by what was
   * inside.
   */
  readonly secretIdFile: string;
}

/** Logs in as a machine that holds two files. */
export function appRoleLogin(options: AppRoleLogin): LoginMethod {
  const { store, mount = 'approle', roleIdFile, secretIdFile } = options;
  const name = `AppRole (auth/${mount})`;
  return {
    name,
    async login(ask) {
      const roleId = await readSecretFile(store, roleIdFile, 'role id');
      const held = await readSecretFile(store, secretIdFile, 'secret id');
      const secretId = mayBeWrapped(held) ? await unwrapped(held, options, name, ask) : held;
      // A secret id may be good for a limited number of logins, so a lost answer is not repeated blindly.
      const body = { role_id: roleId, secret_id: secretId };
      return logIn(
        ask,
        { method: 'POST', path: `auth/${mount}/login`, body, repeat: 'never' },
        {
          store,
          name,
          remedy: `Put a fresh secret id into ${secretIdFile}: bao write -f auth/${mount}/role/ROLE/secret-id`,
        },
      );
    },
  };
}

/** Secret ids that the server makes are UUIDs; one that a person chose may look like anything, a wrapping token too. */
function mayBeWrapped(held: Secret): boolean {
  return !/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(held.expose());
}

async function unwrapped(held: Secret, options: AppRoleLogin, name: string, ask: Ask): Promise<Secret> {
  const { store, mount = 'approle', secretIdFile } = options;
  const found = await ask({
    method: 'POST',
    path: 'sys/wrapping/lookup',
    body: { token: held },
    repeat: 'safe',
    accept: [400, 403],
  });
  if (found.status !== 200) {
    // No wrapping token, or one that was used: then the login with it fails, and says so.
    return held;
  }
  const made = asText(found.data['creation_path']);
  if (!new RegExp(`^auth/${escaped(mount)}/role/[^/]+/secret-id$`).test(made)) {
    throw loginFailed(
      store,
      name,
      `${secretIdFile} holds a wrapping token that was made at ${made}, not by this AppRole`,
      'Somebody may have exchanged it: ask for a fresh wrapped secret id and find out who did.',
    );
  }
  // With the wrapping token as the caller's own: in the body it needs another valid token beside it.
  const reply = await ask({ method: 'POST', path: 'sys/wrapping/unwrap', token: held, repeat: 'never' });
  const value = reply.data['secret_id'];
  if (typeof value !== 'string') {
    throw loginFailed(store, name, 'the wrapping token holds no secret id', `Put a fresh one into ${secretIdFile}.`);
  }
  // It can be unwrapped once only, so without this the next start could not log in.
  await writeWhole(secretIdFile, `${value}\n`);
  return new Secret(value);
}

function escaped(text: string): string {
  return text.replaceAll(/[^\w/-]/g, String.raw`\$&`);
}
