// Carries out the `governance.*` effects: a plan may propose and ask what that would do; approving and applying are for people.

import { fromUtf8 } from "../air/bytes.ts";
import { AosError, assert } from "../air/error.ts";
import { decode } from "../air/cbor.ts";
import { hashValue, parseHash, ZERO_HASH } from "../air/hash.ts";
import { readJson } from "../air/json.ts";
import { bundleOf, loadPatch } from "../air/load.ts";
import { applyPatch, patchHash } from "../air/patch.ts";
import { makePatch, patchSummary } from "../air/patch-make.ts";
import { parsePatchDoc, type PatchDoc } from "../air/patch-parse.ts";
import { nodeValue } from "../air/serialize.ts";
import type { ControlPlane } from "../air/types.ts";
import { integer, type Encodable, type Hash, type Value } from "../air/value.ts";
import { isMap } from "../air/value-path.ts";
import { checkPatch } from "../core/enforce-governance.ts";
import type { ShadowReport } from "../core/shadow-report.ts";
import type { Adapter, AdapterCall } from "../ports.ts";
import type { AdapterEnv } from "./env.ts";
import { answerCall, type Params } from "./params.ts";

/** The road that proposals go, given by whoever keeps the world's repository. */
export interface GovernancePort {
  /**
   * Makes a proposal of a checked patch, once for an intent: asked again it gives the same number.
   *
   * @throws AosError with a stable code when it cannot be made
   */
  propose(offer: GovernanceOffer): Promise<{ readonly proposalId: bigint }>;
  /** Rehearses a proposal on the state of now. @throws AosError `governance.unknown` when there is none of that number */
  shadow(proposalId: bigint): Promise<{ readonly report: ShadowReport }>;
}

export interface GovernanceOffer {
  /** Names the effect that proposes: the same for a call that is sent again. */
  readonly intent: Hash;
  readonly doc: PatchDoc;
  /** The control plane in force that the patch was made for, and the one it gives. */
  readonly base: ControlPlane;
  readonly next: ControlPlane;
  readonly description: string | undefined;
}

/** Bytes of a patch, in any form. */
const PATCH_BYTES_MAX = 4 << 20;

/**
 * The adapter `governance`.
 *
 * - `governance.propose` reads the patch, judges what it really does by the grant's limits again, applies it to the control plane
 *   in force and hands it on. It is a document (`patch_doc_json`, or a blob of that format), or a control plane as a whole, in CBOR
 *   (`patch_cbor`, a blob of the format `manifest_patch_cbor`, or the `hash` of such a blob). What was proposed is kept as a blob of
 *   the receipt's `patch_hash`, so that it can be named by it again. A blob that is not there is an `error` `blob.missing`, another
 *   form `governance.patch_form`; a patch that the grant does not admit has the grant's code; one that does not apply the code of its
 *   first problem, one that changes nothing `patch.empty`.
 * - `governance.shadow` answers with what a shadow run of the proposal predicts.
 * - `governance.approve` and `governance.apply` are an `error` `governance.person_only`, always: an agent weighs nothing.
 * - Without a port, `error` `governance.unavailable`.
 */
export function governanceAdapter(env: Pick<AdapterEnv, "blobs" | "world" | "governance">): Adapter {
  return {
    id: "governance",
    effects: ["governance.propose", "governance.shadow", "governance.approve", "governance.apply"],
    concurrency: 1,
    // A proposal is made once for an intent, and a shadow run changes nothing.
    resend: () => "again",
    run: (call) => answerCall(call, (params) => answer(env, call, params)),
  };
}

type Env = Pick<AdapterEnv, "blobs" | "world" | "governance">;

async function answer(env: Env, call: AdapterCall, params: Params): Promise<Encodable> {
  switch (call.effect) {
    case "governance.propose":
      return propose(env, call, params);
    case "governance.shadow":
      return shadowAnswer(params.nat("proposal_id"), (await portOf(env).shadow(params.nat("proposal_id"))).report);
    default:
      throw new AosError("governance.person_only", `${call.effect}: only people decide, by a review that is signed`, { class: "refused" });
  }
}

function portOf({ governance }: Env): GovernancePort {
  if (governance === undefined) throw new AosError("governance.unavailable", "this host keeps no repository that proposals could go to");
  return governance;
}

async function propose(env: Env, call: AdapterCall, params: Params): Promise<Encodable> {
  const port = portOf(env);
  const { control } = env.world();
  assert(control !== undefined, "an effect was asked for under a control plane (I5)");
  const wanted = params.maybeText("manifest_base");
  // A manifest has two hashes, with its kind and without.
  if (wanted !== undefined && wanted !== control.manifestHash && wanted !== hashValue(nodeValue(control.manifest))) {
    throw new AosError("patch.base", `the proposal is for manifest ${wanted}, and ${control.manifestHash} is in force`);
  }
  const doc = await patchOf(env, { encoded: call.params, base: control });
  const summary = patchSummary(doc);
  const verdict = checkPatch(decode(call.capParams), summary);
  if (!verdict.ok) throw new AosError(verdict.code, verdict.message, { class: "refused" });
  const { control: next, diagnostics } = applyPatch(control, doc);
  const first = diagnostics.find(({ severity }) => severity === "error");
  if (next === undefined || first !== undefined) throw new AosError(first?.code ?? "patch.op", first?.message ?? "the patch does not apply");
  if (summary.def_changes.some(({ name }) => next.modules.get(name)?.wasm_hash === ZERO_HASH)) throw new AosError("module.missing", "the patch gives a module without its code");
  await env.blobs.put(bundleOf(next));
  const { proposalId } = await port.propose({ intent: call.intentHash, doc, base: control, next, description: params.maybeText("description") });
  return { proposal_id: integer(proposalId), patch_hash: patchHash(next), manifest_base: control.manifestHash };
}

/** The patch as a document for `base`. */
async function patchOf({ blobs }: Env, { encoded, base }: { readonly encoded: Uint8Array; readonly base: ControlPlane }): Promise<PatchDoc> {
  const patch = fieldOf(decode(encoded), "patch");
  const { format, bytes } = await patchBytes(blobs, String(fieldOf(patch, "$tag")), fieldOf(patch, "$value"));
  if (bytes.length > PATCH_BYTES_MAX) throw new AosError("governance.patch_size", `a patch of ${bytes.length} bytes is over ${PATCH_BYTES_MAX}`);
  if (format === "manifest_patch_cbor") {
    const doc = makePatch(base, loadPatch(bytes, base));
    if (doc.patches.length === 0) throw new AosError("patch.empty", "the patch gives the control plane that is in force");
    return doc;
  }
  const problems: string[] = [];
  const doc = parsePatchDoc(readJson(fromUtf8(bytes), "patch").json, ({ message }) => void problems.push(message));
  if (doc === undefined || problems.length > 0) throw new AosError("patch.invalid", problems[0] ?? "not a patch document");
  return doc;
}

type PatchFormat = "manifest_patch_cbor" | "patch_doc_json";

async function patchBytes(blobs: Env["blobs"], form: string, value: Value | undefined): Promise<{ readonly format: PatchFormat; readonly bytes: Uint8Array }> {
  const stored = async (format: PatchFormat, ref: Value | undefined): Promise<{ readonly format: PatchFormat; readonly bytes: Uint8Array }> => {
    const bytes = await blobs.get(parseHash(String(ref)));
    if (bytes === undefined) throw new AosError("blob.missing", `patch: the store does not hold ${String(ref)}`);
    return { format, bytes };
  };
  if (form === "hash") return stored("manifest_patch_cbor", value);
  const format = form === "patch_blob_ref" ? fieldOf(value, "format") : undefined;
  if (format === "manifest_patch_cbor" || format === "patch_doc_json") return stored(format, fieldOf(value, "blob_ref"));
  if (value instanceof Uint8Array && (form === "patch_cbor" || form === "patch_doc_json")) return { format: form === "patch_cbor" ? "manifest_patch_cbor" : form, bytes: value };
  throw new AosError("governance.patch_form", `${String(format ?? form)}: a patch is manifest_patch_cbor or patch_doc_json`);
}

function fieldOf(value: Value | undefined, field: string): Value | undefined {
  return value !== undefined && isMap(value) ? value.get(field) : undefined;
}

/** `sys/GovShadowReceipt@1` of a report. Params stay out: they may hold what is nobody else's. */
function shadowAnswer(proposalId: bigint, report: ShadowReport): Encodable {
  return {
    proposal_id: integer(proposalId),
    manifest_hash: report.head.manifest,
    predicted_effects: report.effects.map(({ effect, cap, intent }) => ({ kind: effect, cap, intent_hash: intent, params_json: null })),
    pending_receipts: [],
    plan_results: report.plans.filter(({ status }) => status === "ok").map(({ plan, instance }) => ({ plan, plan_id: instance, output_schema: "" })),
    ledger_deltas: report.definitions
      .filter(({ kind }) => kind === "defcap" || kind === "defpolicy")
      .map(({ kind, name, change }) => ({ ledger: { $tag: kind === "defcap" ? "capability" : "policy", $value: null }, name, change: { $tag: change, $value: null } })),
  };
}
