const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, y: 31_536_000_000 } as const;
const shape = /^(\d+)(ms|s|m|h|d|y)$/;

/** Milliseconds of `200ms`, `15m`, `1h`, `30d`, `10y` (a year is 365 days), or undefined when it is no duration. */
export function durationMilliseconds(text: string): number | undefined {
  const match = shape.exec(text);
  if (match === null) {
    return undefined;
  }
  const milliseconds = Number(match[1]) * units[match[2] as keyof typeof units];
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
}

/** The shortest exact spelling of a length of time in milliseconds, for example `30d`. */
export function formatDuration(milliseconds: number): string {
  for (const unit of ['y', 'd', 'h', 'm', 's'] as const) {
    if (milliseconds >= units[unit] && milliseconds % units[unit] === 0) {
      return `${milliseconds / units[unit]}${unit}`;
    }
  }
  return `${milliseconds}ms`;
}
