import { resolve } from 'node:path';
import { Failure } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';
import { dearmored, decryptWith, recipientOf } from '../../../stores/file/age.ts';
import { readIdentity } from '../../../stores/file/identity.ts';
import type { VaultServerSpec } from '../vault-server.spec.ts';
import type { KeyShares, SealedShare } from './key-holders.ts';

/** The key of a home in files: it can be a holder of shares as a person can. */
export interface HomeHolder {
  readonly identity: Secret;
  /** Age recipient. */
  readonly recipient: string;
}

/** Undefined where the home is no file store, so that Keywright itself holds no share. */
export async function homeHolder(spec: Pick<VaultServerSpec, 'home'>, folder: string): Promise<HomeHolder | undefined> {
  const { store, identityFile } = spec.home;
  if (identityFile === undefined) {
    return undefined;
  }
  const file = resolve(folder, identityFile);
  const identity = await readIdentity({ name: store, identityFile: file });
  const recipient = identity === undefined ? undefined : await recipientOf(identity);
  return identity === undefined || recipient === undefined ? undefined : { identity, recipient };
}

/** Who gets the shares of a store that is initialised now. Throws `vault-no-holders` when nobody is named. */
export function keySharesOf(
  spec: Pick<VaultServerSpec, 'store' | 'home' | 'keyShares'>,
  home: HomeHolder | undefined,
): KeyShares {
  if (spec.keyShares !== undefined) {
    return spec.keyShares;
  }
  if (home === undefined) {
    throw new Failure({
      code: 'vault-no-holders',
      message: `nobody is named who holds the unseal keys of store ${spec.store}`,
      object: `store/${spec.store}`,
      why: `store ${spec.home.store}, the fleet's home, has no key of its own that they could be sealed to`,
      remedy: 'Set `keyShares: { threshold, holders }` of the server.',
    });
  }
  return { threshold: 1, holders: [home.recipient] };
}

/**
 * How the keys are held and how the fleet wants them held, for a person; undefined when that is the same. Shares are made
 * once, when the store is initialised. Without `threshold` only the holders are compared.
 */
export function otherHolders(
  wanted: KeyShares,
  shares: readonly Pick<SealedShare, 'holder'>[],
  threshold: number | undefined,
): { readonly before: string; readonly after: string } | undefined {
  const holders = shares.map(({ holder }) => holder);
  const before = sharesText({ holders, threshold: threshold ?? wanted.threshold });
  const after = sharesText(wanted);
  return before === after ? undefined : { before, after };
}

function sharesText({ threshold, holders }: KeyShares): string {
  const sorted = holders.toSorted((one, other) => (one < other ? -1 : 1));
  return `${threshold} of ${holders.length} (${sorted.map((holder) => `${holder.slice(0, 12)}…`).join(', ')})`;
}

/** The shares that are sealed to the fleet's home, in clear. */
export async function sharesOfHome(
  shares: readonly SealedShare[],
  home: HomeHolder | undefined,
): Promise<readonly Secret[]> {
  const own = shares.filter(({ holder }) => holder === home?.recipient);
  const opened = await Promise.all(
    own.map(async ({ armored }) => {
      const found = await decryptWith((home as HomeHolder).identity, await dearmored(armored));
      return found.state === 'plain' ? [new Secret(Buffer.from(found.bytes).toString('utf8'))] : [];
    }),
  );
  return opened.flat();
}
