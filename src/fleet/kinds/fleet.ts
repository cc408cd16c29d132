import { kind, object, optional, preset, reference, type Spec } from '../schema.ts';

export const Fleet = kind('Fleet', 'fleets', 'Who this fleet is, and where it keeps its own records. Exactly one.', {
  home: optional(
    reference(
      'Store',
      'Store that holds inventory, lock and journal; default: the only Store. Any Store that the fleet does not run itself.',
    ),
  ),
  defaults: preset(
    object('For documents that name none.', {
      store: optional(reference('Store', 'Store of documents that name none.')),
      site: optional(reference('Site', 'Site of documents that name none.')),
      authority: optional(reference('Authority', 'Authority of documents that name none.')),
    }),
    {},
  ),
});
export type Fleet = Spec<typeof Fleet>;
