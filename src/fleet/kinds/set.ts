import { kind, list, map, object, preset, text, type Spec } from '../schema.ts';

export const FleetSet = kind('Set', 'sets', 'A list to repeat documents for.', {
  items: list(
    'One copy of a document is made for each item.',
    object('An item.', {
      name: text('Its name, `{each}` in the document; the copy is called NAME-ITEM.', {
        format: 'name',
        example: 'dev',
      }),
      values: preset(map('Its values, `{each.x}` in the document.', 'valueName', text('A value.')), {}),
    }),
  ),
});
export type FleetSet = Spec<typeof FleetSet>;
