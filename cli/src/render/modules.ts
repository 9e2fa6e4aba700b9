// Modules as `aos build` tells of them.

import { columns, short, type Style } from "./style.ts";

export interface ModuleRow {
  readonly name: string;
  readonly hash: string;
  readonly bytes: number;
  readonly path: string;
  /** `cached`: the file is what the source gives. `baked`: written as plain WebAssembly; the hash stays the module's. */
  readonly outcome: "built" | "cached" | "missing" | "stale" | "baked";
}

export function moduleLines(rows: readonly ModuleRow[], style: Style): readonly string[] {
  if (rows.length === 0) return ["no modules to build: aos.sync.json names no sources"];
  const paint = { built: style.green, cached: style.dim, missing: style.red, stale: style.red, baked: style.green };
  return columns(rows.map(({ name, hash, bytes, path, outcome }) => [paint[outcome](outcome), name, short(hash), `${bytes} bytes`, style.dim(path)]));
}
