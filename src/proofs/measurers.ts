import type { Measurer } from './measurer.ts';

/** What measures each kind of claim. */
// A measurer gets the spec of its own kind; the map cannot say which, so it is checked where claims are compiled.
export const measurers: Readonly<Record<string, Measurer<never>>> = {};
