// The log of a running world: lines with a level, written as JSON by pino, with what may be a secret taken out.

import { pino } from "pino";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogLine {
  /** RFC 3339. */
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly [field: string]: unknown;
}
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Fields that hold what worlds and people keep to themselves; no line of ours has one, and none gets through. */
const KEPT_BACK: readonly string[] = ["params", "payload", "value", "body", "headers", "authorization", "token", "secret", "password", "apikey", "api_key", "passphrase"];
const CENSOR = "[redacted]";

/**
 * A sink for log lines that writes each of `level` or above as one line of JSON: `{"level","time","message",…fields}`.
 *
 * @param write - takes a line without its newline
 */
export function jsonLog(write: (line: string) => void, options: { readonly level: LogLevel }): (line: LogLine) => void {
  const logger = pino(
    {
      level: options.level, base: null, messageKey: "message", timestamp: false,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: KEPT_BACK.flatMap((field) => [field, `*.${field}`]), censor: CENSOR },
    },
    { write: (text: string) => write(text.trimEnd()) },
  );
  return ({ level, time, message, ...fields }) => logger[level]({ time, ...scrubbed(fields) }, scrub(message));
}

/** Texts of a line, at any depth, without what URLs and headers carry beside an address. */
function scrubbed(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, scrubValue(value)]));
}

function scrubValue(value: unknown): unknown {
  if (typeof value === "string") return scrub(value);
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return scrub(value.message);
  if (Array.isArray(value)) return value.map(scrubValue);
  return typeof value === "object" && value !== null ? scrubbed(value as Readonly<Record<string, unknown>>) : value;
}

/** The user and password of a URL, its query and its fragment, and what stands behind an authorization scheme. */
export function scrub(text: string): string {
  return text
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'<>]*@/gi, `$1${CENSOR}@`)
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, `$1?${CENSOR}`)
    .replaceAll(/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${CENSOR}`);
}
