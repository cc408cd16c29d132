import type { SourcePointer } from '../../model/diagnostic.ts';
import { at, atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';
import { keysOf } from './unknown-placeholder.ts';

export const deliveryCollision = defineRule({
  id: 'KW057',
  name: 'delivery-collision',
  what: 'Two delivered copies have one name in one place, or two sources give one key to a copy.',
  why: 'One would overwrite the other, and which one wins changes from apply to apply.',
  example:
    'secrets:\n- { name: db, from: { a: { access: orders-app }, b: { access: reporting } } }     # both have username',
  remedy: 'Rename one of them, or say with `data` which key comes from where.',
  *check(facts, rule) {
    const { fleet } = facts;
    const first = new Map<string, SourcePointer>();
    for (const { document: object, source, spec } of fleet.consumers.values()) {
      const namespace = spec.namespace ?? fleet.sites.get(spec.site ?? '')?.spec.kubernetes?.namespace;
      const place = spec.directory === undefined ? `namespace ${namespace}` : `directory ${spec.directory.name}`;
      for (const [index, secret] of spec.secrets.entries()) {
        const here = at(source, 'spec', 'secrets', index, 'name');
        const key = `${spec.site} ${place} ${secret.name}`;
        const other = first.get(key);
        if (other === undefined) {
          first.set(key, here);
        } else {
          yield finding(rule, {
            message: `two copies in ${place} of ${spec.site} are called ${secret.name}`,
            source: here,
            related: { message: 'the other one is here', source: other },
            object,
          });
        }
        const giver = new Map<string, string>();
        for (const [alias, from] of secret.data === undefined ? Object.entries(secret.from) : []) {
          for (const name of keysOf(from, facts) ?? []) {
            const before = giver.get(name);
            if (before !== undefined) {
              yield finding(rule, {
                message: `\`${before}\` and \`${alias}\` both have a key \`${name}\``,
                source: atKey(source, 'spec', 'secrets', index, 'from', alias),
                object,
                remedy: `Add \`data\`, for example \`{ NAME: "{${alias}.${name}}" }\`.`,
              });
              break;
            }
            giver.set(name, alias);
          }
        }
      }
    }
  },
});
