import { Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { asText } from '../../stores/vault/reply.ts';

/** A role of a database engine. */
export interface DatabaseRole {
  readonly mount: string;
  readonly role: string;
}

/** What the engine gave out: username and password of one lease. */
export interface IssuedLease {
  /** The engine's id of it. */
  readonly id: string;
  readonly username: string;
  readonly password: Secret;
}

export interface LeaseTimes {
  readonly issued: Date;
  /** When it was renewed last; else when it was issued. */
  readonly renewed: Date;
  readonly expires: Date;
}

/**
 * Has a login made. Asked once: a repeated question would make two.
 *
 * The lease ends with the present token at the latest. To be kept it needs `longest`, in milliseconds: it is then asked for
 * by a token of its own, without a parent and without a place in the server, that lasts so long and that nobody keeps.
 */
export async function issueLease(
  client: VaultClient,
  { mount, role }: DatabaseRole,
  longest?: number,
): Promise<IssuedLease> {
  const token = longest === undefined ? undefined : await lastingToken(client, longest);
  const reply = await client.request({ method: 'GET', path: `${mount}/creds/${role}`, repeat: 'never', token });
  const { leaseId, data } = reply;
  const username = asText(data['username']);
  const password = asText(data['password']);
  if (leaseId === undefined || username === '' || password === '') {
    throw new Failure({
      code: 'lease-not-understood',
      message: `store ${client.store} gave no lease, username or password for ${mount}/creds/${role}`,
      object: `store/${client.store}`,
    });
  }
  return { id: leaseId, username, password: new Secret(password) };
}

/** None where the login's own is a root token: it does not end, and no such token comes of it. */
async function lastingToken(client: VaultClient, milliseconds: number): Promise<Secret | undefined> {
  if (client.policies.includes('root')) {
    return undefined;
  }
  const { auth } = await client.request({
    method: 'POST',
    path: 'auth/token/create-orphan',
    // A lease cannot be renewed beyond this end, so it comes after the last that the lease may have.
    body: { type: 'batch', ttl: `${Math.ceil(milliseconds / 1000) + 60}s`, display_name: 'keywright lease' },
    repeat: 'safe',
  });
  return auth === undefined ? undefined : new Secret(auth.clientToken);
}

/** When a lease began and when it ends; undefined when the engine knows of none: it ended, or was revoked. */
export async function lookUpLease(client: VaultClient, id: string): Promise<LeaseTimes | undefined> {
  try {
    const { data } = await client.request({
      method: 'POST',
      path: 'sys/leases/lookup',
      body: { lease_id: id },
      repeat: 'safe',
    });
    const issued = new Date(asText(data['issue_time']));
    const renewed = asText(data['last_renewal']);
    return {
      issued,
      renewed: renewed === '' ? issued : new Date(renewed),
      expires: new Date(asText(data['expire_time'])),
    };
  } catch (error) {
    if (isGone(error)) {
      return undefined;
    }
    throw error;
  }
}

/** Has a lease end so many seconds from now, as far as its role allows that. Returns its times, as `lookUpLease`. */
export async function renewLease(client: VaultClient, id: string, seconds: number): Promise<LeaseTimes | undefined> {
  try {
    await client.request({
      method: 'POST',
      path: 'sys/leases/renew',
      body: { lease_id: id, increment: seconds },
      repeat: 'safe',
    });
  } catch (error) {
    if (!isGone(error)) {
      throw error;
    }
  }
  return lookUpLease(client, id);
}

/** Ends one lease, and returns when its login is gone. One that is gone already is no error. */
export async function revokeLease(client: VaultClient, id: string): Promise<void> {
  await client.request({
    method: 'POST',
    path: 'sys/leases/revoke',
    body: { lease_id: id, sync: true },
    repeat: 'safe',
  });
}

/** Ends all leases of one role and of no other, and returns when their logins are gone. */
export async function revokeLeasesOf(client: VaultClient, { mount, role }: DatabaseRole): Promise<void> {
  await client.request({
    method: 'POST',
    // The server takes it for a whole segment: `orders` does not reach the leases of `orders-app`.
    path: `sys/leases/revoke-prefix/${mount}/creds/${role}`,
    body: { sync: true },
    repeat: 'safe',
  });
}

function isGone(error: unknown): boolean {
  return error instanceof Failure && error.code === 'vault-lease-gone';
}
