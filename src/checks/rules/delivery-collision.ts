import type { SourcePointer } from '../../model/diagnostic.ts';
import { askedVaults, storeLoginFolder } from '../../fleet/names.ts';
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
      const copies = spec.secrets.map(({ name }, index) => ({
        name,
        here: at(source, 'spec', 'secrets', index, 'name'),
      }));
      // Where its login to a Vault is delivered.
      const logins = (spec.directory === undefined ? [] : askedVaults(fleet, spec)).map((store) => ({
        name: storeLoginFolder(store),
        here: at(source, 'spec', 'directory', 'name'),
      }));
      for (const { name, here } of [...logins, ...copies]) {
        const key = `${spec.site} ${place} ${name}`;
        const other = first.get(key);
        if (other === undefined) {
          first.set(key, here);
        } else {
          yield finding(rule, {
            message: `two copies in ${place} of ${spec.site} are called ${name}`,
            source: here,
            related: { message: 'the other one is here', source: other },
            object,
          });
        }
      }
      for (const [index, secret] of spec.secrets.entries()) {
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
