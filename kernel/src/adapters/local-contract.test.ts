import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { hashBytes, utf8 } from "../air/hash.ts";
import { adapterContract } from "../testing/adapter-contract.ts";
import { blobAdapter } from "./blob.ts";
import { timerAdapter } from "./timer.ts";
import { fileVault } from "./vault.ts";
import { vaultAdapter } from "./vault-effects.ts";

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
