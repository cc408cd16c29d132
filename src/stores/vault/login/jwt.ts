import type { Secret } from '../../../model/secret.ts';
import { logIn } from './login.ts';
import type { LoginMethod } from './login.ts';

export interface JwtLogin {
  readonly store: string;
  readonly method: 'kubernetes' | 'jwt';
  readonly mount: string;
  readonly role: string;
  /** A service account's token, fresh at each login: the file that holds it is replaced while a pod runs. */
  readonly jwt: () => Promise<Secret>;
}

/** Logs in with a signed statement of somebody else: a Kubernetes service account's token, or any JWT. */
export function jwtLogin({ store, method, mount, role, jwt }: JwtLogin): LoginMethod {
  const name = `${method === 'kubernetes' ? 'Kubernetes' : 'JWT'} (auth/${mount}, role ${role})`;
  return {
    name,
    login: async (ask) =>
      logIn(
        ask,
        { method: 'POST', path: `auth/${mount}/login`, body: { role, jwt: await jwt() }, repeat: 'safe' },
        { store, name, remedy: `Look at the role: bao read auth/${mount}/role/${role}` },
      ),
  };
}
