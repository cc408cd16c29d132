import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

const meaning = {
  disable: 'passwords and rows cross the network in clear',
  allow: 'the server decides, and an attacker in between can be the server',
  prefer: 'whoever is in between can turn encryption off',
} as const;

export const weakTlsMode = defineRule({
  id: 'KW045',
  name: 'weak-tls-mode',
  allowable: true,
  what: 'The TLS mode of a PostgreSQL cluster lets connections go unencrypted.',
  why: 'With disable, allow and prefer a connection can be read and changed on its way.',
  example: 'tls: { mode: prefer }',
  remedy: 'Use verify-full. Raising it is staged, so that no connection fails.',
  *check({ fleet }, rule) {
    for (const { document: object, source, spec } of fleet.postgres.values()) {
      const { mode } = spec.tls;
      if (mode in meaning) {
        yield finding(rule, {
          message: `${object} lets connections go unencrypted: mode ${mode}`,
          source: at(source, 'spec', 'tls', 'mode'),
          object,
          why: `With ${mode} ${meaning[mode as keyof typeof meaning]}.`,
        });
      }
    }
  },
});
