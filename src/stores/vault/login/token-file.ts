import type { Secret } from '../../../model/secret.ts';
import { asNumber, strings } from '../reply.ts';
import type { Login, LoginMethod } from './login.ts';
import { readSecretFile } from './secret-file.ts';

/** Uses the token that a file holds; whoever made it may replace it at any time. */
export function tokenFileLogin(options: { readonly store: string; readonly file: string }): LoginMethod {
  const { store, file } = options;
  return {
    name: `token file ${file}`,
    login: async (ask) => existingToken(await readSecretFile(store, file, 'token'), ask),
  };
}

/** Uses a token that the program holds already, as during the making of a server. */
export function tokenLogin(token: Secret, name: string): LoginMethod {
  return { name, login: (ask) => existingToken(token, ask) };
}

async function existingToken(token: Secret, ask: Parameters<LoginMethod['login']>[0]): Promise<Login> {
  // Without policy `default` a token may not look itself up; it still works, only its end is not known.
  const reply = await ask({ method: 'GET', path: 'auth/token/lookup-self', token, accept: [403] });
  if (reply.status === 403 && reply.errors[0]?.includes('1 error occurred') !== true) {
    return { token, ttlMilliseconds: 0, renewable: false, policies: [] };
  }
  return {
    token,
    ttlMilliseconds: asNumber(reply.data['ttl']) * 1000,
    renewable: reply.data['renewable'] === true,
    policies: [...strings(reply.data['policies']), ...strings(reply.data['identity_policies'])],
  };
}
