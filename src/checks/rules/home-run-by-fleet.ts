import { at } from '../../fleet/pointer.ts';
import { finding } from '../../fleet/rule.ts';
import { defineRule } from '../rule.ts';

export const homeRunByFleet = defineRule({
  id: 'KW055',
  name: 'home-run-by-fleet',
  what: 'The home of the fleet is a store that the fleet itself runs.',
  why: 'Inventory and lock have to be there before the store is, and when it is down, sealed or restored.',
  example: 'kind: Fleet\nspec: { home: main }     # main has `server`',
  remedy: 'Add a Store with `file` and make it the home.',
  *check({ fleet }, rule) {
    const store = fleet.stores.get(fleet.home);
    const document = fleet.documents.find(({ kind }) => kind === 'Fleet');
    if (store?.spec.vault?.server !== undefined && document !== undefined) {
      yield finding(rule, {
        message: `home is ${store.name}, which the fleet runs itself`,
        source: at(document.source, 'spec', 'home'),
        object: document.document,
      });
    }
  },
});
