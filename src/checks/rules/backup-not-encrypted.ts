import { atKey } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const backupNotEncrypted = defineRule({
  id: 'KW056',
  name: 'backup-not-encrypted',
  what: 'A backup of a store has no recipients.',
  why: 'It holds every secret of the store; who reads the bucket would hold them too.',
  example: 'kind: Backup\nspec: { store: main, to: { s3: … } }     # without encryptTo',
  remedy: 'Add `encryptTo` with age recipients whose identities do not lie beside the backup.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.backups.values()) {
      if (spec.store !== undefined && spec.encryptTo === undefined) {
        yield finding(rule, {
          message: `${object} of store ${spec.store} is not encrypted`,
          source: atKey(source, 'spec'),
          object,
        });
      }
    }
  },
});
