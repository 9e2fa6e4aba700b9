// A key as people and programs are told of it: never its secret.

import { fingerprint } from "@agentos/controller";
import { columns, shown, type Style } from "./style.ts";

export function keyLines(path: string, publicKey: Uint8Array, line: string, style: Style): readonly string[] {
  return columns([
    [style.dim("key"), path],
    [style.dim("public"), shown(line)],
    [style.dim("fingerprint"), fingerprint(publicKey)],
  ]);
}

export function keyJson(path: string, publicKey: Uint8Array, line: string): unknown {
  return { path, public: line, fingerprint: fingerprint(publicKey) };
}
