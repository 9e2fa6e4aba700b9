// How far something is, in one line no wider than the terminal.

import { byteSize } from "./byte-size.ts";

interface Done {
  readonly done: number;
  /** How many there are; undefined or 0 where that is not known. */
  readonly total: number | undefined;
  readonly unit: "bytes" | "count";
  readonly elapsedMs: number;
}

const BAR_CHARS = 24;

/** A bar where it is known how many there are, else how many are done, else for how long it has gone on. */
export function progressLine(what: string, { done, total, unit, elapsedMs }: Done, columns: number): string {
  const text = (value: number): string => (unit === "bytes" ? byteSize(value) : String(value));
  return line().slice(0, Math.max(0, columns - 1));

  function line(): string {
    if (total === undefined || total === 0) return done === 0 ? `${what} ... ${Math.floor(elapsedMs / 1000)} s` : `${what}: ${text(done)}`;
    const part = Math.min(1, done / total);
    const filled = Math.round(part * BAR_CHARS);
    return `${what} [${"=".repeat(filled)}${" ".repeat(BAR_CHARS - filled)}] ${Math.floor(part * 100)} % (${text(done)} of ${text(total)})`;
  }
}
