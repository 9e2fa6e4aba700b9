// An error as lines for people and as an object for programs.

import type { Failure } from "../failure.ts";
import { shown, type Style } from "./style.ts";

/** `error: <place: sentence>`, then the way out. */
export function failureLines(failure: Pick<Failure, "hint" | "message">, style: Style): readonly string[] {
  const lines = [`${style.red("error:")} ${shown(failure.message)}`];
  return failure.hint === undefined ? lines : [...lines, `${style.cyan("hint:")} ${shown(failure.hint)}`];
}

/** `{error: {code, message, at?, hint?}}`. */
export function failureJson(failure: Pick<Failure, "at" | "code" | "hint" | "message">): unknown {
  const { code, message, at, hint } = failure;
  return { error: { code, message, at, hint } };
}
