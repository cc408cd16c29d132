/**
 * Keywright, as a process of its own: `keywright.ts apply|plan PLACE FOLDER`. The fleet in the folder is read and
 * compiled first; policies and roles, which follow from other documents, are put beside it. Measured is the run: home,
 * inventory, lock, looking, comparing, writing.
 */
import { systemEnvironment } from '../../src/cli/environment.ts';
import { registry } from '../../src/cli/registry.ts';
import { compileFleet } from '../../src/compile/compile-fleet.ts';
import { applyFleet } from '../../src/engine/fleet-apply.ts';
import { planFleet } from '../../src/engine/fleet-plan.ts';
import { Run } from '../../src/engine/run.ts';
import { loadFleet } from '../../src/fleet/load.ts';
import type { CompiledFleet } from '../../src/model/compiled.ts';
import { resourceId, targetId } from '../../src/model/ids.ts';
import type { Resource } from '../../src/model/resource.ts';
import type { AppRoleSpec } from '../../src/targets/vault/app-role.spec.ts';
import type { AuthMountSpec } from '../../src/targets/vault/auth-mount.spec.ts';
import type { PolicySpec } from '../../src/targets/vault/policy.spec.ts';
import { policyName, report } from './measured.ts';
import type { Place } from './measured.ts';

const [action = 'plan', text = '{}', folder = '.'] = process.argv.slice(2);
const place = JSON.parse(text) as Place;
const target = targetId('store', 'main');

function resource<Spec>(kind: string, names: readonly string[], spec: Spec, dependsOn: Resource['dependsOn'] = []) {
  const id = resourceId(target, kind, ...names);
  return { id, kind, target, spec, dependsOn, document: `Bench/${kind}` } satisfies Resource<Spec>;
}

function withMore(compiled: CompiledFleet): CompiledFleet {
  const { mount, method, policies, roles } = place;
  const login = resource<AuthMountSpec>('auth-mount', [method], { path: method, type: 'approle' });
  return {
    ...compiled,
    resources: [
      ...compiled.resources,
      login,
      ...Array.from({ length: policies }, (_, at) =>
        resource<PolicySpec>('policy', [policyName(place, at)], {
          name: policyName(place, at),
          rules: [{ path: `${mount}/data/apps/team-${at}/*`, capabilities: ['read'] }],
        }),
      ),
      ...Array.from({ length: roles }, (_, at) =>
        resource<AppRoleSpec>(
          'app-role',
          [method, `service-${at}`],
          {
            mount: method,
            role: `service-${at}`,
            token: { policies: [policyName(place, at)], ttlSeconds: 3600 },
            secretIdUses: 1,
          },
          [login.id],
        ),
      ),
    ],
  };
}

const { fleet, diagnostics } = await loadFleet(folder);
if (fleet === undefined) {
  throw new Error(diagnostics.map(({ message }) => message).join('\n'));
}
const compiled = withMore(compileFleet(fleet));

await report(async () => {
  const run = new Run({ compiled, registry, folder, environment: systemEnvironment });
  try {
    return await (action === 'apply' ? apply(run) : plan(run));
  } finally {
    await run.close();
  }
});

async function apply(run: Run): Promise<string> {
  const { result } = await applyFleet(run, { command: 'apply' });
  const failed = result?.failed.map(({ id, error }) => `${id}: ${error.message}`) ?? [];
  if (failed.length > 0) {
    throw new Error(failed.slice(0, 3).join('\n'));
  }
  return `${result?.done.length ?? 0} made`;
}

async function plan(run: Run): Promise<string> {
  await run.openHome({ create: false });
  const found = await planFleet(run);
  const problems = found.observation.problems.map(({ failure }) => failure.message);
  if (problems.length > 0) {
    throw new Error(problems.join('\n'));
  }
  return `${found.plan.changes.length} changes`;
}
