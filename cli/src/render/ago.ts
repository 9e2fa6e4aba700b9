// How long ago, for people: hours and days with one unit more, and no more precision than they need.

/** From the longest to the shortest. */
export const UNITS: readonly (readonly [name: string, ms: number])[] = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]];

/** `3 min`, `1 h 59 min`, `2 d`, `0 s`; empty when the time is not known. Times to come count like those gone by. */
export function span(time: string | undefined, nowMs: number): string {
  const at = Date.parse(time ?? "");
  if (Number.isNaN(at)) return "";
  const gone = Math.abs(nowMs - at);
  const index = UNITS.findIndex(([, unit]) => gone >= unit);
  const [name, ms] = UNITS[index] ?? ["s", 1_000];
  const [below, less] = (index >= 0 && index < 2 ? UNITS[index + 1] : undefined) ?? ["", ms];
  const rest = Math.floor((gone % ms) / less);
  return `${Math.floor(gone / ms)} ${name}${rest === 0 ? "" : ` ${rest} ${below}`}`;
}

/** `, for 3 min`, or nothing where it is not known. */
export function lasting(since: string | undefined, nowMs: number): string {
  const text = span(since, nowMs);
  return text === "" ? "" : `, for ${text}`;
}
