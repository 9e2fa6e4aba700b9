// JSON a person typed: on the command line, in a file, or piped in.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { AosError, Float, readJson, type Json } from "@agentos/kernel";
import type { Context } from "./context.ts";

/**
 * Reads `TEXT`, `@FILE` or `@-` (standard input) as JSON; integers are exact.
 *
 * @param name - what the argument is called, for errors
 * @throws AosError `json.syntax` with line and column; `cli.file`; `cli.fraction` for a number that no world has
 */
export async function jsonArgument(cx: Context, name: string, typed: string): Promise<Json> {
  const [place, text] = await readTyped(cx, name, typed);
  const { json } = readJson(text, place);
  requireIntegers(json, place);
  return json;
}

async function readTyped(cx: Context, name: string, typed: string): Promise<readonly [place: string, text: string]> {
  if (!typed.startsWith("@")) return [name, typed];
  const path = typed.slice(1);
  if (path === "-") return [`${name} from standard input`, await readAll(process.stdin)];
  const file = resolve(cx.cwd, path);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new AosError("cli.file", `${file}: cannot be read`, { at: { file }, cause, hint: `${name} is JSON, @FILE, or @- for standard input` });
  });
  return [path, text];
}

function requireIntegers(json: Json, place: string): void {
  if (json instanceof Float) throw new AosError("cli.fraction", `${place}: worlds have no fractions, and no integers beyond 64 bits`, { hint: "write whole numbers in digits, or such numbers as text" });
  if (json instanceof Map) for (const value of (json as ReadonlyMap<string, Json>).values()) requireIntegers(value, place);
  if (Array.isArray(json)) for (const item of json as readonly Json[]) requireIntegers(item, place);
}
