import type { Fleet } from '../fleet/model.ts';
import type { CompiledFleet } from '../model/compiled.ts';
import type { Resource } from '../model/resource.ts';
import { compileAuthority, compileIssued } from './authority.ts';
import { Builder } from './builder.ts';
import { compileConsumer, compileSite } from './consumer.ts';
import { compileAccess } from './database-access.ts';
import { engineAddresses, engineRules } from './database-engine.ts';
import { accessRules, compilePostgres } from './postgres.ts';
import { authorityTargetId } from './places.ts';
import { compileReplication, replicationNeeds } from './replication.ts';
import { compileRule } from './rule.ts';
import { compileSecretTree } from './secret-tree.ts';
import { compileStore } from './store.ts';

/**
 * What a fleet becomes: targets, resources and claims, as plain data. Pure, and the same for the same fleet whatever the
 * order of its files. Shapes that are not compiled yet are left out here; commands that act have refused them before.
 */
export function compileFleet(fleet: Fleet): CompiledFleet {
  const builder = new Builder(fleet);
  for (const store of fleet.stores.values()) {
    compileStore(builder, store);
  }
  for (const authority of fleet.authorities.values()) {
    compileAuthority(builder, authority);
  }
  for (const site of fleet.sites.values()) {
    compileSite(builder, site);
  }
  for (const postgres of fleet.postgres.values()) {
    const needs = replicationNeeds(builder, postgres.name);
    compilePostgres(builder, postgres, {
      ...needs,
      hba: [...accessRules(builder, postgres), ...engineRules(builder, postgres), ...needs.hba],
      addresses: engineAddresses(builder, postgres),
    });
  }
  for (const access of fleet.accesses.values()) {
    compileAccess(builder, access);
  }
  for (const tree of fleet.secretTrees.values()) {
    compileSecretTree(builder, tree);
  }
  for (const replication of fleet.replications.values()) {
    compileReplication(builder, replication);
  }
  for (const consumer of fleet.consumers.values()) {
    compileConsumer(builder, consumer);
  }
  for (const rule of fleet.rules.values()) {
    compileRule(builder, rule);
  }
  const certificates = certificatesOf(builder.build());
  for (const authority of fleet.authorities.values()) {
    const issued = certificates.filter(({ target }) => target === authorityTargetId(authority.name));
    compileIssued(builder, authority, issued);
  }
  return builder.build();
}

function certificatesOf({ resources }: CompiledFleet): Resource[] {
  return resources.filter(({ kind }) => kind === 'certificate');
}
