// JSON a person typed: on the command line, in a file, or piped in.

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { AosError, readJson, type Json } from "@agentos/kernel";
import type { Context } from "./context.ts";

/**
 * Reads `TEXT`, `@FILE` or `@-` (standard input) as JSON, and gives it as JavaScript has it.
 *
 * @param name - what the argument is called, for errors
 * @throws AosError `json.syntax` with line and column; `cli.file`; `cli.integer` for an integer that JavaScript would round
 */
export async function jsonArgument(cx: Context, name: string, typed: string): Promise<unknown> {
  const [place, text] = await readTyped(cx, name, typed);
  return exact(readJson(text, place).json, place);
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

/** Plain JavaScript values of Json. */
function exact(json: Json, place: string): unknown {
  if (typeof json === "bigint") throw new AosError("cli.integer", `${place}: ${json} is beyond 2^53 and would be rounded on the way`, { hint: "give it to the world as text, or send smaller numbers" });
  if (json instanceof Map) return Object.fromEntries([...(json as ReadonlyMap<string, Json>)].map(([key, value]) => [key, exact(value, place)]));
  if (Array.isArray(json)) return (json as readonly Json[]).map((item) => exact(item, place));
  if (typeof json === "object" && json !== null) throw new AosError("cli.fraction", `${place}: worlds have no fractions`, { hint: "write whole numbers, or decimals as text" });
  return json;
}
