import type { Kind, KindName } from '../schema.ts';
import { Authority } from './authority.ts';
import { Backup } from './backup.ts';
import { Consumer } from './consumer.ts';
import { DatabaseAccess } from './database-access.ts';
import { Fleet } from './fleet.ts';
import { Link } from './link.ts';
import { Monitoring } from './monitoring.ts';
import { Postgres } from './postgres.ts';
import { Replication } from './replication.ts';
import { Rule } from './rule.ts';
import { SecretTree } from './secret-tree.ts';
import { FleetSet } from './set.ts';
import { Site } from './site.ts';
import { Store } from './store.ts';

/** Every kind, in the order of the language page. A kind is added here and in `Specs` of model.ts. */
export const kinds: Readonly<Record<KindName, Kind>> = {
  Fleet,
  Set: FleetSet,
  Site,
  Store,
  Authority,
  Postgres,
  DatabaseAccess,
  SecretTree,
  Consumer,
  Link,
  Replication,
  Backup,
  Rule,
  Monitoring,
};

export const kindNames = Object.keys(kinds) as readonly KindName[];
