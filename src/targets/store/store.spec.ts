/** What a `store/<name>` target needs to be opened. Paths are relative to the fleet's folder. */
export interface StoreTargetSpec {
  readonly name: string;
  readonly file: { readonly folder: string; readonly identityFile: string };
}
