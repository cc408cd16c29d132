import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';
import { keysOf } from './unknown-placeholder.ts';

const neededKeys = {
  opaque: [],
  basicAuth: ['username', 'password'],
  tls: ['tls.crt', 'tls.key'],
  dockerRegistry: ['server', 'username', 'password'],
  argoCdRepository: ['url'],
  argoCdCluster: ['name', 'server'],
} as const;

export const missingKeyOfType = defineRule({
  id: 'KW066',
  name: 'missing-key-of-type',
  what: 'A copy lacks a key that its type has to have.',
  why: 'The API server refuses such a Secret, or its reader finds nothing.',
  example: '{ name: cert, type: tls, from: { cert: { authority: infra } } }     # only ca.crt',
  remedy: 'Add the key to `data`, or choose another type.',
  *check(facts, rule) {
    for (const { document: object, source, spec } of facts.fleet.consumers.values()) {
      for (const [index, { type, from, data }] of spec.secrets.entries()) {
        const sources = Object.values(from).map((each) => keysOf(each, facts));
        if (data === undefined && sources.includes(undefined)) {
          continue;
        }
        const keys = new Set(data === undefined ? sources.flatMap((each) => [...(each ?? [])]) : Object.keys(data));
        const missing = neededKeys[type].filter((key) => !keys.has(key));
        if (missing.length > 0) {
          yield finding(rule, {
            message: `a copy of type ${type} needs ${missing.map((key) => `\`${key}\``).join(' and ')}`,
            source: at(source, 'spec', 'secrets', index),
            object,
          });
        }
      }
    }
  },
});
