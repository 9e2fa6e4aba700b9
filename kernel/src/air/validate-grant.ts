// Rules of authority: grants, policies, and the slots reducers draw their grants from.

import { grantParams } from "./grants.ts";
import { AosError } from "./error.ts";
import { MANIFEST, suggestion, under, unresolved, type Draft, type Owner, type Report } from "./findings.ts";
import type { Problem } from "./parse-struct.ts";
import type { CapGrant, DefModule, DefPolicy, PolicyMatch, PolicyRule } from "./types.ts";

/** The slot that needs no declaration and, unbound, takes the only grant of the right type. */
export const DEFAULT_SLOT = "default";

/** Grants by name, the first of equal names. */
export function grantsOf(draft: Draft): ReadonlyMap<string, CapGrant> {
  const grants = new Map<string, CapGrant>();
  for (const grant of draft.manifest.defaults?.cap_grants ?? []) if (!grants.has(grant.name)) grants.set(grant.name, grant);
  return grants;
}

/** Rules M1, M2, K3. `types` says whether types can be expanded: parameters are judged only then. */
export function validateGrants(draft: Draft, report: Report, { types }: { readonly types: "finite" | "recursive" }): void {
  const seen = new Map<string, number>();
  for (const [index, grant] of (draft.manifest.defaults?.cap_grants ?? []).entries()) {
    const at = `/defaults/cap_grants/${index}`;
    const first = seen.get(grant.name);
    if (first !== undefined) report(MANIFEST, { code: "grant.duplicate", pointer: `${at}/name`, message: `grant \`${grant.name}\` is grant ${first} already` });
    else seen.set(grant.name, index);
    for (const [dimension, amount] of Object.entries(grant.budget ?? {})) {
      if (amount !== 0n) continue;
      const message = `grant \`${grant.name}\` may spend no ${dimension}, so every effect that takes any is denied`;
      report(MANIFEST, { code: "grant.budget", severity: "warning", pointer: `${at}/budget/${dimension}`, message, hint: "remove the grant, or leave the dimension out for no limit" });
    }
    const cap = draft.caps.get(grant.cap);
    if (cap === undefined) {
      const problem = unresolved(draft, { kind: "defcap", name: grant.cap, what: "capability", among: draft.caps.keys() });
      if (problem !== undefined) report(MANIFEST, { code: "cap.missing", pointer: `${at}/cap`, ...problem });
    } else if (types === "finite") {
      try {
        grantParams(grant, cap, draft.schemas);
      } catch (error) {
        if (!(error instanceof AosError)) throw error;
        // What schemas lack is reported where they are named.
        if (error.code.startsWith("schema.")) continue;
        report(MANIFEST, { code: error.code, pointer: `${at}/params`, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) });
      }
    }
  }
}

/** Rules M17, K6. */
export function validatePolicies(draft: Draft, report: Report): void {
  const name = draft.manifest.defaults?.policy;
  if (name !== undefined && !draft.policies.has(name)) {
    const problem = unresolved(draft, { kind: "defpolicy", name, what: "policy", among: draft.policies.keys() });
    if (problem !== undefined) report(MANIFEST, { code: "policy.missing", pointer: "/defaults/policy", ...problem });
  }
  for (const policy of draft.policies.values()) validatePolicy(draft, policy, report);
}

function validatePolicy(draft: Draft, policy: DefPolicy, report: Report): void {
  const owner: Owner = { kind: "defpolicy", name: policy.name };
  const grants = grantsOf(draft);
  const capTypes = new Set([...draft.caps.values()].map((cap) => cap.cap_type));
  for (const [index, { when, ...rule }] of policy.rules.entries()) {
    reportApproval(rule, `/rules/${index}`, (problem) => report(owner, problem));
    const origins = [...(when.origin_kind === "reducer" ? [] : draft.plans.keys()), ...(when.origin_kind === "plan" ? [] : draft.modules.keys())];
    const checks = [
      { field: "effect_kind", code: "policy.unknown_effect", what: "effect kind", known: new Set(draft.effects.keys()), severity: "error" },
      { field: "cap_name", code: "policy.unknown_grant", what: "grant", known: new Set(grants.keys()), severity: "error" },
      { field: "cap_type", code: "policy.unknown_cap_type", what: "capability type", known: capTypes, severity: "warning" },
      { field: "origin_name", code: "policy.unknown_origin", what: when.origin_kind ?? "plan or reducer", known: new Set(origins), severity: "warning" },
    ] as const;
    for (const { field, code, what, known, severity } of checks) {
      const name = when[field];
      if (name === undefined || (known as ReadonlySet<string>).has(name)) continue;
      report(owner, { code, severity, pointer: `/rules/${index}/when/${field}`, message: `${what} \`${name}\` does not exist`, ...suggestion(name, known) });
    }
    const cover = policy.rules.findIndex((rule, other) => other < index && covers(rule.when, when));
    if (cover >= 0) {
      report(owner, { code: "policy.unreachable_rule", severity: "warning", pointer: `/rules/${index}`, message: `rule ${cover} matches all that this rule matches, so this rule never decides` });
    }
  }
}

function reportApproval({ decision, approval_ttl_ns }: Omit<PolicyRule, "when">, at: string, report: (problem: Problem) => void): void {
  if (approval_ttl_ns === undefined) return;
  const pointer = `${at}/approval_ttl_ns`;
  if (decision !== "require_approval") {
    report({ code: "policy.approval_ttl", pointer, message: `a rule that says ${decision} waits for nobody`, hint: "remove `approval_ttl_ns`, or write \"decision\": \"require_approval\"" });
  } else if (approval_ttl_ns === 0n) {
    report({ code: "policy.approval_ttl", severity: "warning", pointer, message: "nobody can approve in no time, so this rule denies", hint: "leave `approval_ttl_ns` out for no limit" });
  }
}

/** Whether every effect that `narrow` matches is matched by `wide`. */
export function covers(wide: PolicyMatch, narrow: PolicyMatch): boolean {
  return (Object.keys(wide) as (keyof PolicyMatch)[]).every((field) => wide[field] === undefined || wide[field] === narrow[field]);
}

/** Rules M18, K5, and that every effect a reducer emits finds a grant. */
export function validateBindings(draft: Draft, report: Report): void {
  const grants = grantsOf(draft);
  for (const [name, binding] of draft.manifest.module_bindings ?? []) {
    const at = under("/module_bindings", name);
    const module = draft.modules.get(name);
    if (module === undefined) {
      const problem = unresolved(draft, { kind: "defmodule", name, what: "module", among: draft.modules.keys() });
      if (problem !== undefined) report(MANIFEST, { code: "binding.unknown_module", pointer: at, ...problem });
    }
    for (const [slot, grantName] of binding.slots ?? []) {
      const pointer = under(at, "slots", slot);
      const grant = grants.get(grantName);
      if (grant === undefined) report(MANIFEST, { code: "binding.unknown_grant", pointer, message: `grant \`${grantName}\` does not exist`, ...suggestion(grantName, grants.keys()) });
      if (module !== undefined) checkSlot(draft, { module, slot, grant, pointer }, report);
    }
  }
  for (const module of draft.modules.values()) reportUngranted(draft, module, report);
}

function checkSlot(
  draft: Draft,
  { module, slot, grant, pointer }: { readonly module: DefModule; readonly slot: string; readonly grant: CapGrant | undefined; readonly pointer: string },
  report: Report,
): void {
  const slots = module.abi.reducer?.cap_slots;
  const wanted = slots?.get(slot);
  if (wanted === undefined) {
    if (slot === DEFAULT_SLOT) return;
    report(MANIFEST, { code: "binding.unknown_slot", pointer, message: `module \`${module.name}\` declares no slot \`${slot}\``, ...suggestion(slot, slots?.keys() ?? []) });
    return;
  }
  const cap = grant === undefined ? undefined : draft.caps.get(grant.cap);
  if (cap === undefined || cap.cap_type === wanted) return;
  report(MANIFEST, { code: "binding.cap_type", pointer, message: `slot \`${slot}\` takes a grant of type \`${wanted}\`, \`${grant?.name}\` is of type \`${cap.cap_type}\`` });
}

/** An effect needs a slot with a grant of its type, or to be the only grant of its type for the default slot. */
function reportUngranted(draft: Draft, module: DefModule, report: Report): void {
  const grants = grantsOf(draft);
  const typeOf = (name: string): string | undefined => draft.caps.get(grants.get(name)?.cap ?? "")?.cap_type;
  const slots = draft.manifest.module_bindings?.get(module.name)?.slots;
  const bound = new Set([...(slots?.values() ?? [])].map(typeOf));
  for (const [index, kind] of (module.abi.reducer?.effects_emitted ?? []).entries()) {
    const type = draft.effects.get(kind)?.cap_type;
    if (type === undefined || bound.has(type)) continue;
    const fitting = [...grants.keys()].filter((name) => typeOf(name) === type);
    if (fitting.length === 1 && slots?.has(DEFAULT_SLOT) !== true) continue;
    const why = fitting.length === 0 ? `no grant is of type \`${type}\`` : `${fitting.length} grants are of type \`${type}\` and no slot of the module is bound to one`;
    report({ kind: "defmodule", name: module.name }, {
      code: "binding.missing",
      severity: "warning",
      pointer: `/abi/reducer/effects_emitted/${index}`,
      message: `\`${kind}\` will be refused: ${why}`,
      hint: `bind a slot under \`module_bindings\``,
    });
  }
}
