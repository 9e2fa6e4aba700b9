// What the built-in enforcers share: their answer, and how a grant's lists are read.

import type { Value } from "../air/value.ts";

/** A grant's answer to one effect. `code` is stable and reaches plans; `message` is one sentence for people. */
export type CapCheck = { readonly ok: true } | { readonly ok: false; readonly code: string; readonly message: string };

export const ADMITTED: CapCheck = { ok: true };

export function refused(code: string, message: string): CapCheck {
  return { ok: false, code, message };
}

/**
 * One list of a grant's params.
 *
 * @returns `unrestricted` when the field is absent or null, `invalid` when it is not a list of `kind`; an empty list
 * stays an empty list, which admits nothing: a grant that names no host reaches no host
 */
export function limitOf<K extends "text" | "nat">(
  capParams: Value,
  field: string,
  kind: K,
): "unrestricted" | "invalid" | readonly (K extends "text" ? string : number | bigint)[] {
  if (!(capParams instanceof Map)) return "invalid";
  const value: Value | undefined = capParams.get(field);
  if (value === undefined || value === null) return "unrestricted";
  if (!Array.isArray(value) || !value.every((item) => fits(item, kind))) return "invalid";
  return value;
}

function fits(item: unknown, kind: "text" | "nat"): boolean {
  return kind === "text" ? typeof item === "string" : typeof item === "bigint" || Number.isSafeInteger(item);
}
