// A patch document in a file, or piped in.

import { resolve } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { AosError, parsePatchDoc, readJson, type PatchDoc } from "@agentos/kernel";
import { readAirText } from "./air-text.ts";
import type { Context } from "./context.ts";

interface PatchFile {
  readonly doc: PatchDoc;
  readonly shown: string;
  readonly locate: ReturnType<typeof readJson>["locate"];
}

/** @param typed - a file, or `-` for standard input. @throws AosError `json.syntax`, `air.*`, `patch.*` with the first problem and their number */
export async function readPatch(cx: Context, typed: string): Promise<PatchFile> {
  const shown = typed === "-" ? "standard input" : typed;
  const text = typed === "-" ? await readAll(process.stdin) : await readAirText(resolve(cx.cwd, typed), shown);
  const { json, locate } = readJson(text, shown);
  const errors: { readonly code: string; readonly message: string; readonly pointer: string; readonly hint?: string }[] = [];
  const doc = parsePatchDoc(json, ({ severity, ...problem }) => void (severity === "warning" || errors.push(problem)));
  const [first] = errors;
  if (doc !== undefined && first === undefined) return { doc, shown, locate };
  const { code, message, pointer, hint } = first ?? { code: "patch.op", message: "not a patch document", pointer: "", hint: undefined };
  const { line, column } = locate(pointer);
  throw new AosError(code, `${shown}:${line}:${column}: ${message}${errors.length > 1 ? ` (and ${errors.length - 1} more)` : ""}`, {
    at: { file: shown, pointer, line, column }, ...(hint === undefined ? {} : { hint }),
  });
}
