import type { Applied, ApplyContext, InventoryRecord, ReadyChange, ResourceKind } from '../../engine/interfaces.ts';
import { absent, present } from '../../model/answer.ts';
import type { Answer } from '../../model/answer.ts';
import type { Change, FieldChange } from '../../model/change.ts';
import { Failure, causeOf } from '../../model/failure.ts';
import { parseResourceId } from '../../model/ids.ts';
import type { ResourceId } from '../../model/ids.ts';
import type { Resource } from '../../model/resource.ts';
import type { VaultStore } from '../../stores/vault/backend.ts';
import type { VaultClient } from '../../stores/vault/client.ts';
import { diffMarked, isMarked } from '../postgres/marked.ts';
import { formatMark } from '../process/mark.ts';
import { applyEach } from './apply-each.ts';
import type { PolicyLanguage, RightsOnPath } from './policy-language.ts';
import { readPolicies, readPolicy } from './policy-observe.ts';
import type { PolicyText } from './policy-observe.ts';
import { isWrittenAs, leadingComment, markedText, unmarkedText } from './policy-text.ts';
import type { PolicySpec } from './policy.spec.ts';
import { breakGlassPolicy, identityPolicy } from './server/identity-policy.ts';

export interface SeenPolicy extends PolicyText {
  /** The comment at its beginning: it bears the mark. */
  readonly comment: string | null;
}

/** The servers' own, and Keywright's: a fleet that names one of them would change what everybody has. */
const reserved: readonly string[] = ['root', 'default', identityPolicy, breakGlassPolicy];

/** `store/<Store>/policy/<name>`: see `policy.spec.ts`. */
export function policyKind(language: PolicyLanguage): ResourceKind<VaultStore, PolicySpec, SeenPolicy> {
  return {
    kind: 'policy',
    targetKind: 'store',
    onRemoval: 'remove',
    ownership: 'marked',

    async observe({ client }, wanted, recorded) {
      const ids = [...new Set([...wanted, ...recorded].map(({ id }) => id))];
      const policies = await readPolicies(client, ids.map(nameOf));
      return new Map(
        ids.map((id): [ResourceId, Answer<SeenPolicy>] => {
          const policy = policies.get(nameOf(id));
          return [id, policy === undefined ? absent : present({ ...policy, comment: leadingComment(policy.text) })];
        }),
      );
    },

    diff(wanted, seen, recorded, context) {
      return (
        reservedName(wanted) ??
        diffMarked({
          wanted,
          seen,
          recorded,
          context,
          onRemoval: 'remove',
          // Writing a policy replaces its whole text: without the mark it is still the one of this name.
          isRecorded: () => true,
          create: (spec) => rightsChanges(wantedRights(language, spec), []),
          differences: (spec, policy) => differences(language, spec, policy, recorded),
        })
      );
    },

    apply: (store, changes, io) => applyEach(changes, io, (change) => applyPolicy(language, store, change, io)),
  };
}

function reservedName(wanted: Resource<PolicySpec> | undefined): Change | undefined {
  if (wanted === undefined || !reserved.includes(wanted.spec.name)) {
    return undefined;
  }
  return {
    id: wanted.id,
    action: 'refused',
    fields: [],
    reason: `${wanted.spec.name} is a policy of the server or of Keywright itself`,
    refusal: { code: 'policy-reserved', remedy: `give ${wanted.document} another name` },
  };
}

function differences(
  language: PolicyLanguage,
  spec: PolicySpec,
  seen: SeenPolicy,
  recorded: InventoryRecord | undefined,
): FieldChange[] {
  const rules = language.render(spec.rules);
  if (isWrittenAs(seen.text, rules)) {
    return [];
  }
  const note = editedNote(seen, recorded);
  let before: readonly RightsOnPath[];
  try {
    before = language.rights(spec.name, seen.text);
  } catch (error) {
    if (!(error instanceof Failure)) {
      throw error;
    }
    return [{ field: 'text', before: `cannot be read: ${causeOf(error)}`, after: 'written anew', note }];
  }
  return rightsChanges(language.rights(spec.name, rules), before).map((change) => ({ ...change, note }));
}

/** Through the text, so that both sides are read by the same reader. */
function wantedRights(language: PolicyLanguage, spec: PolicySpec): readonly RightsOnPath[] {
  return language.rights(spec.name, language.render(spec.rules));
}

function rightsChanges(wanted: readonly RightsOnPath[], seen: readonly RightsOnPath[]): FieldChange[] {
  const paths = [...new Set([...wanted, ...seen].map(({ path }) => path))].toSorted();
  return paths.flatMap((path) => {
    const before = words(seen, path);
    const after = words(wanted, path);
    if (before === after) {
      return [];
    }
    const field = `rights on ${path}`;
    return [seen.length === 0 ? { field, after } : { field, before: before ?? 'none', after: after ?? 'none' }];
  });
}

/** One pattern may have several rules, with different limits. */
function words(rights: readonly RightsOnPath[], path: string): string | undefined {
  const found = rights.filter((each) => each.path === path);
  if (found.length === 0) {
    return undefined;
  }
  return found
    .map(({ capabilities, limits }) => {
      const granted = capabilities.length === 0 ? 'nothing' : capabilities.join(', ');
      return limits === undefined ? granted : `${granted} only ${limits}`;
    })
    .join('; ');
}

function editedNote({ version, modified }: SeenPolicy, recorded: InventoryRecord | undefined): string | undefined {
  if (version === undefined || recorded?.version === undefined || recorded.version === String(version)) {
    return undefined;
  }
  return `edited by hand since ${modified?.slice(0, 10) ?? 'the last apply'} (version ${version})`;
}

async function applyPolicy(
  language: PolicyLanguage,
  { client, features }: VaultStore,
  { change, resource, seen }: ReadyChange<PolicySpec, SeenPolicy>,
  io: ApplyContext,
): Promise<Omit<Extract<Applied, { readonly outcome: 'done' }>, 'id' | 'outcome'>> {
  const name = nameOf(change.id);
  // OpenBao counts and compares versions of policies; HashiCorp Vault does not, so there we look again just before.
  if (seen === undefined ? !features.listWithMetadata : seen.version === undefined) {
    await refuseChanged(client, name, seen);
  }
  const mark = { fleet: io.fleet, id: change.id };
  if (resource === undefined) {
    if (isMarked(seen?.comment, io.fleet, change.id)) {
      await (change.action === 'remove'
        ? client.request({ method: 'DELETE', path: `sys/policies/acl/${name}`, repeat: 'safe' })
        : write(client, name, unmarkedText(seen?.text ?? ''), seen?.version));
    }
    return {};
  }
  const text = markedText(language.render(resource.spec.rules), seen?.comment ?? null, mark);
  await write(client, name, text, seen === undefined ? 0 : seen.version);
  // The server counts by one, and check-and-set made sure that ours was the next; one that does not count is never asked.
  return { record: { mark: formatMark(mark), version: String((seen?.version ?? 0) + 1) } };
}

/** Throws a Failure when a policy is not as it was seen. */
async function refuseChanged(client: VaultClient, name: string, seen: SeenPolicy | undefined): Promise<void> {
  const now = await readPolicy(client, name);
  if (now?.text !== seen?.text) {
    throw new Failure({
      code: 'vault-conflict',
      message: `policy ${name} was changed by somebody else meanwhile; nothing was written`,
      object: name,
      remedy: 'look at `keywright plan` again, then apply',
    });
  }
}

/**
 * Writes a policy over the version that was seen (0: none). A server that does not count takes it as it comes; on one
 * that does, an edit in between is a conflict.
 */
async function write(client: VaultClient, name: string, policy: string, cas: number | undefined): Promise<void> {
  const path = `sys/policies/acl/${name}`;
  try {
    await client.request({
      method: 'PUT',
      path,
      body: { policy, ...(cas === undefined ? {} : { cas }) },
      repeat: 'safe',
    });
  } catch (error) {
    // After a lost answer the conflict may be with our own first try.
    const conflict = error instanceof Failure && error.code === 'vault-conflict';
    if (!conflict || (await readPolicy(client, name))?.text !== policy) {
      throw error;
    }
  }
}

function nameOf(id: ResourceId): string {
  return parseResourceId(id).names.join('/');
}
