import type { Value } from '../../model/resource.ts';
import type { TokenSettings } from './app-role.spec.ts';

/** `store/<Store>/cert-role/<mount>/<role>`: who logs in by client certificate. */
export interface CertRoleSpec {
  readonly mount: string;
  readonly role: string;
  readonly token: TokenSettings;
  /** Where the PEM of the authorities lies whose certificates are taken, and its version. */
  readonly authority: {
    readonly store: string;
    readonly path: string;
    readonly key: string;
    readonly version: Value<string>;
  };
  /** At least one of the common names, exactly; no wildcards. */
  readonly commonNames: readonly string[];
}
