// Counts that a person typed.

import { AosError } from "@agentos/kernel";

/** @throws AosError `cli.count` unless it is a whole number from `least` (0 unless told) */
export function countOf(name: string, value: number, { least = 0 }: { readonly least?: number } = {}): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new AosError("cli.count", `${name}: expected a whole number from ${least}`, { hint: `such as ${name.startsWith("--") ? `${name} 20` : "12"}` });
}
