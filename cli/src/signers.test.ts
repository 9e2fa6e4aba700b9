import assert from "node:assert/strict";
import { test } from "node:test";
import { keyId, type PrincipalKind, type Trust } from "@agentos/controller";
import { requireMerger } from "./signers.ts";

const KEY = { publicKey: new Uint8Array(32).fill(7), comment: "", sign: (): Uint8Array => new Uint8Array(64) };

test("requireMerger: a principal of each kind, a stranger: persons and controllers merge, nobody else does", () => {
  const rows: readonly (readonly [PrincipalKind | "stranger", string | undefined])[] = [
    ["person", undefined], ["controller", undefined], ["agent", "merge.kind"], ["ci", "merge.kind"], ["stranger", "trust.stranger"],
  ];
  let tried = 0;
  for (const [kind, code] of rows) {
    const keys = [{ id: keyId(KEY.publicKey), publicKey: KEY.publicKey, comment: "" }];
    const trust: Trust = { version: 1, world: "w", id: "i", principals: kind === "stranger" ? [] : [{ name: "somebody", kind, keys }], retired: [], roles: [] };
    if (code === undefined) assert.equal(requireMerger(trust, KEY).name, "somebody");
    else assert.throws(() => requireMerger(trust, KEY), { code });
    tried++;
  }
  assert.equal(tried, 5);
});
