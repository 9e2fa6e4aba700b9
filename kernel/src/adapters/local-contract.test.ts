import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { hashBytes, utf8 } from "../air/hash.ts";
import { EMPTY_TREE, encodeTree } from "../air/tree-node.ts";
import { blankWorld } from "../core/world.ts";
import { adapterContract } from "../testing/adapter-contract.ts";
import { callControl } from "../testing/call-world.ts";
import { TEST_SANDBOX, TEST_WORLD_ID } from "../testing/test-world.ts";
import { EMPTY_TREE_HASH, writeFile } from "../workspace/trees.ts";
import { blobAdapter } from "./blob.ts";
import { introspectAdapter } from "./introspect.ts";
import { answerCall } from "./params.ts";
import { timerAdapter } from "./timer.ts";
import { fileVault } from "./vault.ts";
import { vaultAdapter } from "./vault-effects.ts";
import { workspaceAdapter } from "./workspace.ts";

adapterContract({
  name: "timer",
  make: timerAdapter,
  calls: ({ clock }) => ({
    "in a second": { effect: "timer.set", params: { deliver_at_ns: clock.now() + 1_000_000_000n, key: "a" } },
    "in the past": { effect: "timer.set", params: { deliver_at_ns: 0, key: null } },
  }),
  nudge: ({ clock }) => clock.advance(2_000_000_000n),
});

const SOME = utf8("some bytes");
adapterContract({
  name: "blob",
  make: blobAdapter,
  async calls({ blobs }) {
    return {
      put: { effect: "blob.put", params: { blob_ref: hashBytes(SOME), bytes: SOME } },
      get: { effect: "blob.get", params: { blob_ref: await blobs.put(SOME) } },
    };
  },
});

const WORLD = { ...blankWorld(TEST_WORLD_ID, TEST_SANDBOX), control: callControl() };
adapterContract({
  name: "introspect",
  make: () => introspectAdapter({ world: () => WORLD }),
  calls: () => ({
    state: { effect: "introspect.reducer_state", params: { reducer: "demo/R@1", key: null, consistency: "head" } },
    manifest: { effect: "introspect.manifest", params: { consistency: "at_least:0" } },
    head: { effect: "introspect.journal_head", params: {} },
    cells: { effect: "introspect.list_cells", params: { reducer: "demo/R@1" } },
  }),
});

adapterContract({
  name: "workspace",
  make: workspaceAdapter,
  async calls({ blobs }) {
    const { root } = await writeFile(blobs, EMPTY_TREE_HASH, { path: "a/b", bytes: SOME });
    await blobs.put(encodeTree(EMPTY_TREE));
    return {
      write: { effect: "workspace.write_bytes", params: { root_hash: root, path: "c", bytes: SOME, mode: null } },
      read: { effect: "workspace.read_bytes", params: { root_hash: root, path: "a/b", range: null } },
      ref: { effect: "workspace.read_ref", params: { root_hash: root, path: "a" } },
      remove: { effect: "workspace.remove", params: { root_hash: root, path: "a/b" } },
      resolve: { effect: "workspace.resolve", params: { workspace: "dev", version: null } },
      empty: { effect: "workspace.empty_root", params: { workspace: "dev" } },
      annotate: { effect: "workspace.annotations_set", params: { root_hash: root, path: "a/b", annotations_patch: { k: hashBytes(SOME) } } },
      annotations: { effect: "workspace.annotations_get", params: { root_hash: root, path: "a/b" } },
    };
  },
});

const folder = mkdtempSync(join(tmpdir(), "vault-contract-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let vaults = 0;
adapterContract({
  name: "vault",
  make: (env) => vaultAdapter({ blobs: env.blobs, vault: fileVault(join(folder, `${vaults++}`, "vault"), { kind: "file", path: join(folder, "key") }) }),
  async calls({ blobs, canary }) {
    const value = await blobs.put(utf8(canary));
    return {
      put: { effect: "vault.put", params: { alias: "a", binding_id: "vault:a", value_ref: value, expected_digest: value } },
      rotate: { effect: "vault.rotate", params: { alias: "a", version: 1, binding_id: "vault:a", expected_digest: value } },
    };
  },
});

// An effect that worlds declare themselves: no row of the catalog says what its receipt is.
adapterContract({
  name: "of a world's own effect",
  make: ({ clock }) => ({ id: "coin", effects: ["coin.toss"], resend: () => "again", run: (call) => answerCall(call, (params) => ({ heads: clock.now() % (params.nat("coins") + 1n) })) }),
  calls: () => ({ toss: { effect: "coin.toss", params: { coins: 3 }, receipt: { kind: "record", fields: new Map([["heads", { kind: "nat" }]]) } } }),
});
