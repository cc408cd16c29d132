import type { ResourceId } from '../../model/ids.ts';
import { ownershipOf } from '../store/mark.ts';
import type { Ownership } from '../store/mark.ts';

/** File in a delivered folder that says whose it is. Names that begin with two dots belong to the layout. */
export const markerFile = '..keywright';

/** File that is there while a new generation is in place and what `onChange` asks for has not been done yet. */
export const pendingFile = '..pending';

const prefix = 'keywright ';

export function markerText(fleet: string, id: ResourceId): string {
  return `${prefix}fleet=${fleet} id=${id}\n`;
}

/** Whose a folder is, from its marker file; undefined text: it has none. */
export function folderOwnership(text: string | undefined, fleet: string, id: ResourceId): Ownership {
  const mark = text?.trim().replace(/^keywright /, '');
  return ownershipOf(mark === undefined ? {} : { keywright: mark }, fleet, id);
}
