// Tells the JavaScript engine's code inside of a baked module by its hash: what was measured of that code holds there too.

import { digestOf } from "./digest.ts";
import { Reader } from "./wasm-reader.ts";

/** The engine's functions in their order, each with its size before it, as they stand in a code section. */
export const ENGINE_CODE = { imports: 19, functions: 1321, code: "sha256:ba595d1faa1c4723fad845d2cb3e2b1b2aa2c73bf7d6afd4e7726c41c44f05fc" } as const;

/**
 * Which functions of a code section are the engine's; undefined when none are.
 * @param section - at the section's start; stays there
 * @throws AosError `module.refused` when the section is cut off
 */
export function engineCode(section: Reader): { readonly first: number; readonly end: number } | undefined {
  const { imports, functions } = ENGINE_CODE;
  const reader = new Reader(section.bytes, section.pos, section.end);
  if (reader.u32() < imports + functions) return undefined;
  const skip = (count: number): void => {
    for (; count > 0; count--) reader.skip(reader.u32());
  };
  skip(imports);
  const start = reader.pos;
  skip(functions);
  if (digestOf(section.bytes.subarray(start, reader.pos)) !== ENGINE_CODE.code) return undefined;
  return { first: imports, end: imports + functions };
}
