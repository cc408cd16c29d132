import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { TargetKind } from '../../engine/interfaces.ts';
import { present } from '../../model/answer.ts';
import { Failure } from '../../model/failure.ts';
import type { LocalSiteTargetSpec } from '../file/directory.spec.ts';
import { type Account, findAccount, isRoot, ownAccount } from './account.ts';

/** A site on this machine: where its files and servers lie, and as whom its servers run. */
export interface LocalSite {
  readonly name: string;
  readonly fleet: string;
  /** Absolute. */
  readonly directory: string;
  /** Who runs the servers; undefined: the account that runs Keywright. */
  readonly account?: Account;
  /** One folder per server. */
  readonly serversFolder: string;
  /** One folder per store that runs here, in it one per peer. */
  readonly storesFolder: string;
  /** Copies of the servers' binaries that `account` can reach, one folder per product and version. */
  readonly binariesFolder: string;
  /** One file per port that is promised to a server. */
  readonly portsFolder: string;
}

/** Servers that root starts live here: a clone below a home of mode 0700 is unreachable for their account. */
export const machineFolder = '/var/lib/keywright';

/** `site/<name>` of a local site. It is always there; its folders are made when something is put into them. */
export const localSite: TargetKind<LocalSite, LocalSiteTargetSpec> = {
  kind: 'site',
  async connect(target, context) {
    const { name, directory, user } = target.spec;
    const place = { name, fleet: context.fleet, directory: resolve(context.folder, directory) };
    if (!isRoot()) {
      if (ownAccount() === undefined) {
        throw new Failure({
          code: 'account-missing',
          message: `site ${name}: the uid ${process.getuid?.()} that runs Keywright has no entry in the account database`,
          object: `site/${name}`,
          why: 'PostgreSQL refuses to run as an account without a name',
          remedy: 'add the account to /etc/passwd, or run Keywright as another one',
        });
      }
      return present({
        ...place,
        serversFolder: join(place.directory, 'servers'),
        storesFolder: join(place.directory, 'stores'),
        binariesFolder: join(place.directory, 'binaries'),
        // Of all fleets of this account: two of them must not promise one port.
        portsFolder: `/tmp/kw-ports-${process.getuid?.()}`,
      });
    }
    const fleetFolder = join(machineFolder, `${context.fleet}-${shortHash(resolve(context.folder))}`);
    return present({
      ...place,
      account: await accountOfServers(name, user),
      serversFolder: join(fleetFolder, name),
      storesFolder: join(fleetFolder, '.stores', name),
      binariesFolder: join(fleetFolder, '.binaries'),
      // Of all fleets that root keeps on this machine.
      portsFolder: join(machineFolder, '.ports'),
    });
  },
  identity: async () => undefined,
  close: async () => {},
};

async function accountOfServers(site: string, user: string | undefined): Promise<Account> {
  const candidates = user === undefined ? ['postgres', 'nobody'] : [user];
  for (const name of candidates) {
    const account = await findAccount(name);
    if (account !== undefined && account.uid !== 0) {
      return account;
    }
  }
  throw new Failure({
    code: 'account-missing',
    message:
      user === 'root'
        ? `site ${site}: its servers shall run as root, which PostgreSQL refuses`
        : `site ${site}: there is no account ${candidates.join(' or ')} on this machine to run its servers`,
    object: `site/${site}`,
    why: 'Keywright was started by root, and PostgreSQL refuses to run as root',
    remedy:
      user === undefined
        ? 'set `local: { user: … }` of the site to an existing account, or run Keywright as a user'
        : 'create the account, name another one in `local: { user: … }` of the site, or run Keywright as a user',
  });
}

/** Eight hex digits that stand for a longer text, mostly a path. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
