// What a grant of `governance` lets through: which changes to the control plane a plan may propose.

import { fromUtf8 } from "../air/bytes.ts";
import { AosError } from "../air/error.ts";
import { readJson } from "../air/json.ts";
import { patchSummary } from "../air/patch-make.ts";
import { parsePatchDoc } from "../air/patch-parse.ts";
import { isList, isMap } from "../air/value-path.ts";
import type { Value } from "../air/value.ts";
import { ADMITTED, limitOf, refused } from "./cap-check.ts";
import type { CapCheck } from "./cap-check.ts";

/** What of a patch a grant looks at. */
export interface PatchFacts {
  /** Names of operations, as in patch documents: `add_def`, `set_triggers`, … */
  readonly ops: readonly string[];
  readonly def_changes: readonly { readonly kind: string; readonly name: string }[];
  readonly manifest_sections: readonly string[];
}

const KINDS: readonly string[] = ["governance.propose", "governance.shadow", "governance.approve", "governance.apply"];
const ACTIONS: readonly unknown[] = ["added", "changed", "removed"];

/**
 * Does a grant of `governance` admit an effect?
 *
 * `capParams` are normalised params like those of `sys/governance@1`: `ops`, `def_kinds`, `name_prefixes`,
 * `manifest_sections`. An absent or null list does not restrict; an empty list admits nothing. Only a proposal is held to
 * them: shadow, approval and apply act on what was proposed, and are the policy's to allow.
 *
 * A proposal is judged by its patch document where the params hold one, else by the summary beside it, which is then a claim
 * of whoever asks: the adapter, which reads the patch, judges it again with {@link checkPatch}.
 *
 * Codes, in the order of the checks: `effect_kind_mismatch`, `cap_params_invalid`, `effect_params_invalid`,
 * `summary_missing` (a restricted grant and nothing to judge by), `op_not_allowed`, `def_kind_not_allowed`,
 * `name_prefix_not_allowed`, `manifest_section_not_allowed`.
 */
export function checkGovernance(capParams: Value, call: { readonly effect: string; readonly params: Value }): CapCheck {
  if (!KINDS.includes(call.effect)) return refused("effect_kind_mismatch", `the enforcer does not judge ${call.effect}`);
  const limits = limitsOf(capParams);
  if (limits === "invalid") return invalidGrant();
  if (call.effect !== "governance.propose" || Object.values(limits).every((limit) => limit === "unrestricted")) return ADMITTED;
  const facts = factsOf(call.params);
  if (facts === "invalid") return refused("effect_params_invalid", "the params are not those of governance.propose");
  if (facts === "missing") return refused("summary_missing", "the grant is restricted, and the proposal says neither by document nor by summary what it changes");
  return checkPatch(capParams, facts);
}

/** Does a grant of `governance` admit a patch that does these things? Codes as {@link checkGovernance}. */
export function checkPatch(capParams: Value, patch: PatchFacts): CapCheck {
  const limits = limitsOf(capParams);
  if (limits === "invalid") return invalidGrant();
  const { ops, kinds, prefixes, sections } = limits;
  const op = outside(patch.ops, ops);
  if (op !== undefined) return refused("op_not_allowed", `the grant does not name the operation ${op}`);
  const kind = outside(patch.def_changes.map((change) => change.kind), kinds);
  if (kind !== undefined) return refused("def_kind_not_allowed", `the grant does not name the definition kind ${kind}`);
  const stranger = prefixes === "unrestricted" ? undefined : patch.def_changes.find(({ name }) => !prefixes.some((prefix) => name.startsWith(prefix)));
  if (stranger !== undefined) return refused("name_prefix_not_allowed", `the grant has no prefix of the name ${stranger.name}`);
  const section = outside(patch.manifest_sections, sections);
  if (section !== undefined) return refused("manifest_section_not_allowed", `the grant does not name the manifest section ${section}`);
  return ADMITTED;
}

type Limit = "unrestricted" | readonly string[];
interface Limits {
  readonly ops: Limit;
  readonly kinds: Limit;
  readonly prefixes: Limit;
  readonly sections: Limit;
}

function limitsOf(capParams: Value): Limits | "invalid" {
  const ops = limitOf(capParams, "ops", "text");
  const kinds = limitOf(capParams, "def_kinds", "text");
  const prefixes = limitOf(capParams, "name_prefixes", "text");
  const sections = limitOf(capParams, "manifest_sections", "text");
  if (ops === "invalid" || kinds === "invalid" || prefixes === "invalid" || sections === "invalid") return "invalid";
  return { ops, kinds, prefixes, sections };
}

function invalidGrant(): CapCheck {
  return refused("cap_params_invalid", "the grant's params are not those of governance");
}

function outside(found: readonly string[], limit: Limit): string | undefined {
  return limit === "unrestricted" ? undefined : found.find((each) => !limit.includes(each));
}

// --- what a proposal says of itself

function factsOf(params: Value): PatchFacts | "missing" | "invalid" {
  if (!isMap(params)) return "invalid";
  const patch = params.get("patch") ?? null;
  if (!isMap(patch) || typeof patch.get("$tag") !== "string") return "invalid";
  if (patch.get("$tag") === "patch_doc_json") return docFacts(patch.get("$value") ?? null);
  const summary = params.get("summary") ?? null;
  return summary === null ? "missing" : claimedFacts(summary);
}

function docFacts(bytes: Value): PatchFacts | "invalid" {
  if (!(bytes instanceof Uint8Array)) return "invalid";
  try {
    const doc = parsePatchDoc(readJson(fromUtf8(bytes), "patch").json, () => undefined);
    return doc === undefined ? "invalid" : patchSummary(doc);
  } catch (error) {
    if (error instanceof AosError) return "invalid";
    throw error;
  }
}

function claimedFacts(summary: Value): PatchFacts | "invalid" {
  if (!isMap(summary)) return "invalid";
  const ops = texts(summary.get("ops"));
  const sections = texts(summary.get("manifest_sections"));
  const changes = summary.get("def_changes") ?? null;
  if (ops === undefined || sections === undefined || !isList(changes)) return "invalid";
  const defs = changes.map(readChange);
  if (!defs.every((change) => change !== undefined)) return "invalid";
  return { ops, def_changes: defs, manifest_sections: sections };
}

/** `action` is a variant: `{"$tag": "added"}`, with or without a null `$value`. */
function readChange(value: Value): { readonly kind: string; readonly name: string } | undefined {
  if (!isMap(value)) return undefined;
  const [kind, name, action] = [value.get("kind"), value.get("name"), value.get("action") ?? null];
  if (typeof kind !== "string" || typeof name !== "string" || !isMap(action) || !ACTIONS.includes(action.get("$tag"))) return undefined;
  return { kind, name };
}

function texts(value: Value | undefined): readonly string[] | undefined {
  return Array.isArray(value) && value.every((item): item is string => typeof item === "string") ? value : undefined;
}
