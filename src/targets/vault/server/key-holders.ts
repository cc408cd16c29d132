import { Failure } from '../../../model/failure.ts';
import { Secret } from '../../../model/secret.ts';
import { armoredFor } from '../../../stores/file/age.ts';

/** One share of the unseal key, readable by one holder only. */
export interface SealedShare {
  /** Age recipient. */
  readonly holder: string;
  /** ASCII armor: `age -d -i IDENTITY` prints the share. */
  readonly armored: string;
}

export interface KeyShares {
  readonly threshold: number;
  /** Age recipients, one share each. */
  readonly holders: readonly string[];
}

/** Throws a Failure unless shares can be made like this: the server demands a threshold of 2 for several shares. */
export function checkKeyShares(store: string, { threshold, holders }: KeyShares): void {
  const problem =
    holders.length === 0
      ? 'there is no holder'
      : threshold > holders.length
        ? `${threshold} shares are needed, and there are ${holders.length}`
        : threshold < 2 && holders.length > 1
          ? 'with several holders at least two of them have to come together'
          : threshold < 1
            ? 'the threshold is less than one'
            : undefined;
  if (problem !== undefined) {
    throw new Failure({
      code: 'vault-key-shares',
      message: `keyShares of store ${store} cannot work: ${problem}`,
      object: `store/${store}`,
      remedy: 'Give threshold and holders so that 2 ≤ threshold ≤ number of holders, or one holder and threshold 1.',
    });
  }
}

/** Encrypts each share to its holder, in their order. */
export async function sealShares(shares: readonly Secret[], holders: readonly string[]): Promise<SealedShare[]> {
  return Promise.all(
    holders.map(async (holder, at) => ({ holder, armored: await armoredFor(holder, shares[at] as Secret) })),
  );
}

/** Refuses recipients that nobody could decrypt with, before any key exists. */
export async function checkHolders(holders: readonly string[]): Promise<void> {
  await Promise.all(holders.map((holder) => armoredFor(holder, new Secret('proof'))));
}
