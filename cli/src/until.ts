// Points in time as they are typed: a date, or a span from now.

import { AosError } from "@agentos/kernel";
import { UNITS } from "./render/ago.ts";

const SPANS = new Map(UNITS);
const SPAN_MAX_MS = 3_660 * 86_400_000;

/** A date without a zone is one of UTC, wherever it is typed. @returns undefined for what is none */
export function dateMs(text: string): number | undefined {
  const [, day = "", zone] = /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})?)?$/.exec(text) ?? [];
  const ms = Date.parse(text.includes("T") && zone === undefined ? `${text}Z` : text);
  // The 30th of February is parsed as a day of March.
  return day === "" || Number.isNaN(ms) || new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day ? undefined : ms;
}

/** When something ends that begins now, ms since 1970. @throws AosError `cli.until` */
export function endOf(text: string, nowMs: number): number {
  const [, number = "", unit = ""] = /^(\d{1,6})(s|min|h|d)$/.exec(text) ?? [];
  const span = Number(number) * (SPANS.get(unit) ?? Number.NaN);
  const end = Number.isNaN(span) ? dateMs(text) : nowMs + span;
  const hint = "--until 2h, --until 3d, --until 2030-05-01 or --until 2030-05-01T10:00Z; a date without a zone is one of UTC";
  if (end === undefined) throw new AosError("cli.until", `--until ${text}: neither a date nor a span of time`, { hint });
  if (end <= nowMs || end > nowMs + SPAN_MAX_MS) throw new AosError("cli.until", `--until ${text}: ${end <= nowMs ? "that is over" : "more than ten years away"}`, { hint });
  return end;
}
