const units: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
};

/** Seconds of a length of time as policies spell it: `90`, `"90"`, `"1h30m"`, `"2d"`; undefined when it is none. */
export function goDurationSeconds(value: string | number): number | undefined {
  if (typeof value === 'number') {
    return Number.isInteger(value) && value >= 0 ? value : undefined;
  }
  if (/^\d+$/.test(value)) {
    return Number(value);
  }
  if (!/^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h|d))+$/.test(value)) {
    return undefined;
  }
  let seconds = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h|d)/g)) {
    seconds += Number(amount) * (units[unit ?? ''] ?? 0);
  }
  return seconds;
}
