// Where a command prints: data on stdout, notices and errors on stderr; text for people or JSON for programs.

import { inspect } from "node:util";
import { jsonOf, writeJson } from "@agentos/kernel";
import type { Failure } from "./failure.ts";
import { failureJson, failureLines } from "./render/failure.ts";
import { createStyle, type Style } from "./render/style.ts";

export interface Output {
  readonly mode: "json" | "text";
  /** Are no notices wanted? */
  readonly quiet: boolean;
  /** Is a person likely to read stdout as it is printed? */
  readonly terminal: boolean;
  readonly style: Style;
  /** The one result of a command: an object in JSON mode, else its lines. */
  result(value: unknown, lines: readonly string[]): void;
  /** One of many: an object a line in JSON mode, else the lines. */
  item(value: unknown, lines: readonly string[]): void;
  /** For people only, on stderr. */
  notice(text: string): void;
}

export function createOutput(options: { readonly json: boolean; readonly quiet: boolean }): Output {
  const mode = options.json ? "json" : "text";
  const print = (value: unknown, lines: readonly string[]): void => {
    const text = mode === "json" ? [writeJson(jsonOf(value))] : lines;
    if (text.length > 0) process.stdout.write(`${text.join("\n")}\n`);
  };
  const style = styleOf(process.stdout);
  const noticeStyle = styleOf(process.stderr);
  return {
    mode,
    quiet: options.quiet,
    terminal: process.stdout.isTTY,
    style,
    result: print,
    item: print,
    notice(text) {
      if (mode === "text" && !options.quiet) process.stderr.write(`${noticeStyle.dim(`notice: ${text}`)}\n`);
    },
  };
}

/** Prints an error: sentences on stderr, or in JSON mode one object as the last line of stdout. */
export function printFailure(failure: Failure, options: { readonly json: boolean; readonly trace: unknown }): void {
  if (options.trace !== undefined) process.stderr.write(`${inspect(options.trace)}\n`);
  if (options.json) process.stdout.write(`${writeJson(jsonOf(failureJson(failure)))}\n`);
  else process.stderr.write(`${failureLines(failure, styleOf(process.stderr)).join("\n")}\n`);
}

function styleOf(stream: NodeJS.WriteStream): Style {
  const { NO_COLOR: refused, TERM: terminal } = process.env;
  return createStyle(stream.isTTY && (refused === undefined || refused === "") && terminal !== "dumb" ? "colour" : "plain");
}
