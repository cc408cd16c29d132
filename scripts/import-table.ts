/**
 * Which room of `src/` may import from which, beside itself. An entry is a room, or a pattern of files below `src/` in
 * which `*` stands for one segment's part; `*` alone means every room. The linter's rule `keywright/rooms` reads this.
 */
export const importTable: Readonly<Record<string, readonly string[]>> = {
  model: [],
  fleet: ['model'],
  authority: ['model'],
  checks: ['fleet', 'model'],
  lint: ['checks', 'fleet', 'model'],
  stores: ['model', 'authority'],
  compile: ['fleet', 'model', 'targets/*/*.spec.ts', 'proofs/*.spec.ts'],
  engine: ['model', 'stores'],
  targets: ['model', 'engine/interfaces.ts', 'stores', 'authority'],
  proofs: ['model', 'engine/interfaces.ts', 'targets', 'stores', 'authority'],
  access: ['model', 'compile'],
  operations: ['model', 'engine', 'proofs', 'targets', 'stores', 'authority'],
  controller: everythingBut('dashboard', 'cli'),
  dashboard: everythingBut('controller', 'cli'),
  cli: ['*'],
};

function everythingBut(...rooms: readonly string[]): readonly string[] {
  return ['*', ...rooms.map((room) => `!${room}`)];
}

/**
 * Whether a file of one room may import another file.
 *
 * @param room - the importing file's folder below `src/`
 * @param imported - the imported file's path below `src/`
 * @returns true when it may; false also for a room that the table does not have
 */
export function mayImport(room: string, imported: string): boolean {
  const allowed = importTable[room];
  if (!allowed) return false;
  const importedRoom = imported.split('/')[0] ?? '';
  if (importedRoom === room) return true;
  if (allowed.includes(`!${importedRoom}`)) return false;
  return allowed.some((entry) => entry === '*' || entry === importedRoom || matches(entry, imported));
}

function matches(pattern: string, path: string): boolean {
  const expression = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
  return new RegExp(`^${expression}$`).test(path);
}
