// A log line of a running world, for a person at a terminal.

import { short, shown, type Style } from "./style.ts";

export interface LogLineView {
  readonly time: string;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly [field: string]: unknown;
}

/** `21:04:07 message  field value  field value`; the level shows where it is not `info`. */
export function logLine(line: LogLineView, style: Style): string {
  const { time, level, message, ...fields } = line;
  const words = { debug: `${style.dim("debug")} `, info: "", warn: `${style.yellow("warning")} `, error: `${style.red("error")} ` };
  const word = words[level];
  const told = Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => `${style.dim(name)} ${valueText(value)}`);
  return [`${style.dim(time.slice(11, 19))} ${word}${shown(message)}`, ...told].join("  ");
}

function valueText(value: unknown): string {
  if (typeof value !== "string") return shown(JSON.stringify(value));
  return /^(?:sha256:)?[0-9a-f]{40,64}$/.test(value) ? short(value) : shown(value);
}
