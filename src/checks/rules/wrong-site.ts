import type { SourcePointer } from '../../model/diagnostic.ts';
import type { Fleet } from '../../fleet/model.ts';
import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

interface Need {
  readonly what: string;
  readonly site: string | undefined;
  readonly needs: 'local' | 'kubernetes';
  readonly object: string;
  readonly source: SourcePointer;
}

export const wrongSite = defineRule({
  id: 'KW052',
  name: 'wrong-site',
  what: 'Something is to run on a kind of site that cannot run it.',
  why: 'A process needs this machine, an operator needs a Kubernetes cluster.',
  example: '# a Postgres with `cloudNativePg` on a site with `local`',
  remedy: 'Name another site, or choose the shape that fits the site.',
  *check({ fleet }, rule) {
    for (const { what, site, needs, object, source } of needsOf(fleet)) {
      const spec = site === undefined ? undefined : fleet.sites.get(site)?.spec;
      if (spec !== undefined && spec[needs] === undefined) {
        const local = needs === 'local';
        yield finding(rule, {
          message: `${what} needs a ${local ? 'local site' : 'Kubernetes cluster'}, and ${site} is a ${local ? 'Kubernetes cluster' : 'local site'}`,
          source,
          object,
        });
      }
    }
  },
});

function* needsOf(fleet: Fleet): Iterable<Need> {
  for (const { name, document: object, source, spec } of fleet.sites.values()) {
    const base = { site: name, object };
    for (const key of Object.keys(spec.delivery)) {
      if (key !== 'direct') {
        yield { ...base, what: `delivery by ${key}`, needs: 'kubernetes', source: at(source, 'spec', 'delivery', key) };
      }
    }
    if (spec.storeLogin?.kubernetes !== undefined || spec.storeLogin?.jwt !== undefined) {
      yield {
        ...base,
        what: 'a login by service account',
        needs: 'kubernetes',
        source: at(source, 'spec', 'storeLogin'),
      };
    }
    const argoCd = spec.kubernetes?.argoCd;
    if (argoCd !== undefined) {
      const place = at(source, 'spec', 'kubernetes', 'argoCd', 'site');
      yield { ...base, site: argoCd.site, what: 'Argo CD', needs: 'kubernetes', source: place };
    }
  }
  for (const { document: object, source, spec } of fleet.authorities.values()) {
    const place = at(source, 'spec', 'certManager');
    yield { what: 'cert-manager', site: spec.certManager?.site, needs: 'kubernetes', object, source: place };
  }
  for (const { document: object, source, spec } of fleet.postgres.values()) {
    for (const shape of ['cloudNativePg', 'percona', 'patroni'] as const) {
      if (spec[shape] !== undefined) {
        yield { what: shape, site: spec.site, needs: 'kubernetes', object, source: at(source, 'spec', shape) };
      }
    }
    if (spec.process !== undefined) {
      yield { what: 'a process', site: spec.site, needs: 'local', object, source: at(source, 'spec', 'process') };
    }
    const place = at(source, 'spec', 'provisioner');
    yield { what: 'Crossplane', site: spec.provisioner?.crossplane.site, needs: 'kubernetes', object, source: place };
  }
  for (const { document: object, source, spec } of fleet.secretTrees.values()) {
    for (const [index, entry] of spec.entries.entries()) {
      const place = at(source, 'spec', 'entries', index, 'kubeconfig');
      yield { what: 'a kubeconfig', site: entry.kubeconfig?.site, needs: 'kubernetes', object, source: place };
    }
  }
  yield* ofConsumersAndLinks(fleet);
}

function* ofConsumersAndLinks(fleet: Fleet): Iterable<Need> {
  for (const { document: object, source, spec } of fleet.consumers.values()) {
    const base = { site: spec.site, object };
    if (spec.directory !== undefined) {
      yield { ...base, what: 'a directory', needs: 'local', source: at(source, 'spec', 'directory') };
    }
    if (spec.serviceAccounts !== undefined) {
      yield { ...base, what: 'a service account', needs: 'kubernetes', source: at(source, 'spec', 'serviceAccounts') };
    }
    if (spec.onChange?.restart !== undefined) {
      yield { ...base, what: 'a restart of workloads', needs: 'kubernetes', source: at(source, 'spec', 'onChange') };
    }
    if (spec.onChange?.signal !== undefined || spec.onChange?.command !== undefined) {
      yield { ...base, what: 'a command or a signal', needs: 'local', source: at(source, 'spec', 'onChange') };
    }
  }
  for (const { document: object, source, spec } of fleet.links.values()) {
    for (const end of ['accepting', 'dialing'] as const) {
      const place = at(source, 'spec', 'skupper', end, 'site');
      yield { what: 'Skupper', site: spec.skupper?.[end].site, needs: 'kubernetes', object, source: place };
    }
    for (const [index, site] of (spec.clusterMesh?.sites ?? []).entries()) {
      const place = at(source, 'spec', 'clusterMesh', 'sites', index);
      yield { what: 'a cluster mesh', site, needs: 'kubernetes', object, source: place };
    }
  }
  for (const { document: object, source, spec } of fleet.monitorings.values()) {
    yield { what: 'Prometheus', site: spec.site, needs: 'kubernetes', object, source: at(source, 'spec', 'site') };
  }
}
