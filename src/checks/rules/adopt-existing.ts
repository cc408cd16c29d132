import { defineRule } from '../rule.ts';

export const adoptExisting = defineRule({
  id: 'KW080',
  name: 'adopt-existing',
  allowable: true,
  what: 'An object of that name is there already, and Keywright did not make it.',
  why: 'Somebody else counts on it as it is. Found while planning, not offline.',
  example: '# a role orders_app that somebody made by hand',
  remedy: 'Rename yours, or take it over: `allow: [{ rule: adopt-existing, reason: … }]`.',
  check: () => [],
});
