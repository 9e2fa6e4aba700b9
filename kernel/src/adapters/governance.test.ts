import { test } from "node:test";
import assert from "node:assert/strict";
import { canonical, decode } from "../air/cbor.ts";
import { utf8, ZERO_HASH } from "../air/hash.ts";
import { writeJson } from "../air/json.ts";
import { patchValue } from "../air/envelope.ts";
import { bundleOf } from "../air/load.ts";
import { normalizerFor } from "../air/normalize.ts";
import { BUILTIN_SCHEMAS } from "../air/catalog.ts";
import { makePatch } from "../air/patch-make.ts";
import { patchDocJson } from "../air/patch-parse.ts";
import { patchHash } from "../air/patch.ts";
import type { ControlPlane } from "../air/types.ts";
import type { Encodable } from "../air/value.ts";
import type { AdapterCall, AdapterResult } from "../ports.ts";
import { adapterContract } from "../testing/adapter-contract.ts";
import { notesWorld, rehearsal, shadowBench, V2 } from "../testing/shadow-world.ts";
import { fieldOf } from "../testing/fetch-world.ts";
import { memoryBlobs } from "./blobs/memory.ts";
import { governanceAdapter, type GovernanceOffer, type GovernancePort } from "./governance.ts";

const bench = await shadowBench();
const v1 = bench.control(notesWorld());
const v2 = bench.control(notesWorld(V2));
const recorded = bench.boot(v1);
const blobs = memoryBlobs();
const document = utf8(writeJson(patchDocJson(makePatch(v1, v2))));
const blob = await blobs.put(document);

const ANY = { ops: null, def_kinds: null, name_prefixes: null, manifest_sections: null };
const PATCH = { $tag: "patch_doc_json", $value: document };

function proposal(patch: Encodable, more: object = {}): Encodable {
  return { patch, summary: null, manifest_base: null, description: null, ...more } as Encodable;
}

/** The manifest and the plans of AIR as it is written. */
function encodeAuthored(air: readonly unknown[]): Uint8Array {
  const nodes = air as readonly { readonly $kind: string }[];
  const manifest = nodes.find(({ $kind }) => $kind === "manifest");
  assert.ok(manifest !== undefined);
  const { $kind: _, ...bare } = manifest;
  return canonical({ manifest: bare, nodes: nodes.filter(({ $kind }) => $kind === "defplan") } as Encodable);
}

interface Asked {
  readonly effect: string;
  readonly params: Encodable;
  readonly grant?: Encodable;
}

/** Runs one call against a port that keeps what it was offered. */
async function ask({ effect, params, grant = ANY }: Asked, port: "given" | "none" = "given"): Promise<{ readonly result: AdapterResult; readonly offers: readonly GovernanceOffer[] }> {
  const offers: GovernanceOffer[] = [];
  const governance: GovernancePort = {
    propose: (offer) => Promise.resolve({ proposalId: BigInt(offers.push(offer)) }),
    shadow: () => Promise.resolve({ report: rehearsal(bench, recorded, { next: v2 }) }),
  };
  const adapter = governanceAdapter({ blobs, world: () => recorded.world, ...(port === "given" ? { governance } : {}) });
  const call: AdapterCall = {
    effect, params: canonical(params), capParams: canonical(grant), intentHash: ZERO_HASH, idempotencyKey: new Uint8Array(32), deadlineMs: 1000, signal: new AbortController().signal,
  };
  return { result: await adapter.run(call), offers };
}

adapterContract({
  name: "governance",
  make: () => governanceAdapter({
    blobs, world: () => recorded.world, governance: { propose: () => Promise.resolve({ proposalId: 1n }), shadow: () => Promise.resolve({ report: rehearsal(bench, recorded, { next: v2 }) }) },
  }),
  calls: () => ({
    propose: { effect: "governance.propose", params: proposal(PATCH), capParams: ANY }, shadow: { effect: "governance.shadow", params: { proposal_id: 1 } },
  }),
});

test("governance: a proposal: handed on with the control plane it gives, the receipt fits its schema", async () => {
  const whole = bundleOf(v2);
  const forms = [
    PATCH,
    { $tag: "patch_blob_ref", $value: { blob_ref: blob, format: "patch_doc_json" } },
    { $tag: "patch_cbor", $value: whole },
    // Only what is other than in the base.
    { $tag: "patch_cbor", $value: encodeSparse(v1, v2) },
    { $tag: "patch_blob_ref", $value: { blob_ref: await blobs.put(encodeSparse(v1, v2)), format: "manifest_patch_cbor" } },
    // As an author writes it: a plan in its short forms, references without hashes.
    { $tag: "patch_cbor", $value: encodeAuthored(notesWorld(V2)) },
    // What the first of these proposed is kept under the hash in its receipt.
    { $tag: "hash", $value: patchHash(v2) },
  ];
  let count = 0;
  for (const patch of forms) {
    const { result, offers } = await ask({ effect: "governance.propose", params: { patch, summary: null, manifest_base: v1.manifestHash, description: "more" } });
    assert.deepEqual([result.status, result.code], ["ok", undefined]);
    assert.deepEqual(offers.map(({ next, base, description }) => [next.manifestHash, base.manifestHash, description]), [[v2.manifestHash, v1.manifestHash, "more"]]);
    const payload = normalizerFor(BUILTIN_SCHEMAS, "sys/GovProposeReceipt@1")(decode(result.payload));
    assert.equal(fieldOf(payload, "patch_hash"), patchHash(v2));
    count++;
  }
  assert.equal(count, 7);
});

/** A patch as a whole with the nodes that `base` has not. */
function encodeSparse(base: ControlPlane, next: ControlPlane): Uint8Array {
  const known = new Set(base.nodes.map(({ hash }) => hash));
  return canonical(patchValue(next.manifest, next.nodes.filter(({ hash }) => !known.has(hash)).map(({ node }) => node)));
}

test("governance: a shadow run: what is predicted, in the receipt's schema", async () => {
  const { result } = await ask({ effect: "governance.shadow", params: { proposal_id: 1 } });
  const payload = normalizerFor(BUILTIN_SCHEMAS, "sys/GovShadowReceipt@1")(decode(result.payload));
  assert.equal((fieldOf(payload, "predicted_effects") as unknown[]).length, 2);
  assert.equal(fieldOf(payload, "manifest_hash"), v2.manifestHash);
});

const claimed = { base_manifest_hash: null, patch_hash: ZERO_HASH, ops: [], def_changes: [], manifest_sections: [] };
const REFUSED: readonly (readonly [string, Asked, string])[] = [
  ["an agent approves", { effect: "governance.approve", params: { proposal_id: 1, decision: { $tag: "approve", $value: null }, approver: "ada", reason: null } }, "governance.person_only"],
  ["an agent applies", { effect: "governance.apply", params: { proposal_id: 1 } }, "governance.person_only"],
  ["a claim that is less than the patch, in a blob", { effect: "governance.propose", params: proposal({ $tag: "patch_blob_ref", $value: { blob_ref: blob, format: "patch_doc_json" } }, { summary: claimed }), grant: { ...ANY, def_kinds: ["defschema"] } }, "def_kind_not_allowed"],
  ["a name outside the prefixes", { effect: "governance.propose", params: proposal(PATCH), grant: { ...ANY, name_prefixes: ["other/"] } }, "name_prefix_not_allowed"],
  ["another base", { effect: "governance.propose", params: proposal(PATCH, { manifest_base: ZERO_HASH }) }, "patch.base"],
  ["a patch by the hash of nothing", { effect: "governance.propose", params: proposal({ $tag: "hash", $value: ZERO_HASH }) }, "blob.missing"],
  ["a blob of another format", { effect: "governance.propose", params: proposal({ $tag: "patch_blob_ref", $value: { blob_ref: blob, format: "yaml" } }) }, "governance.patch_form"],
  ["CBOR that is no patch", { effect: "governance.propose", params: proposal({ $tag: "patch_cbor", $value: canonical({ nodes: [] }) }) }, "bundle.invalid"],
  ["a whole patch that lists what nobody has", { effect: "governance.propose", params: proposal({ $tag: "patch_cbor", $value: canonical(patchValue(v2.manifest, [])) }) }, "bundle.invalid"],
  ["a whole patch that changes nothing", { effect: "governance.propose", params: proposal({ $tag: "patch_cbor", $value: bundleOf(v1) }) }, "patch.empty"],
  ["a whole patch beyond the grant, whatever it claims", { effect: "governance.propose", params: proposal({ $tag: "patch_cbor", $value: bundleOf(v2) }, { summary: claimed }), grant: { ...ANY, def_kinds: ["defschema"] } }, "def_kind_not_allowed"],
  ["a patch that is none", { effect: "governance.propose", params: proposal({ $tag: "patch_doc_json", $value: utf8("{}") }) }, "patch.invalid"],
];
test("governance: what is refused: an error with its code, nothing is handed on", async () => {
  let rows = 0;
  for (const [name, asked, code] of REFUSED) {
    const { result, offers } = await ask(asked);
    assert.deepEqual([result.status, result.code, offers.length], ["error", code, 0], name);
    rows++;
  }
  assert.equal(rows, 12);
});

test("governance: a host without a repository: says so; approval is refused all the same", async () => {
  assert.equal((await ask({ effect: "governance.propose", params: proposal(PATCH) }, "none")).result.code, "governance.unavailable");
  assert.equal((await ask({ effect: "governance.apply", params: { proposal_id: 1 } }, "none")).result.code, "governance.person_only");
});
