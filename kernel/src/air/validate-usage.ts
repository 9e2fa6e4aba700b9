// What is listed and never used: warnings, because it costs a reader time and may be a slip.

import { MANIFEST, type Draft, type Report } from "./findings.ts";
import { refNames } from "./type-shape.ts";
import { emitsOf } from "./validate-plan.ts";
import { DEFAULT_SLOT, grantsOf } from "./validate-grant.ts";

/** Reports listed definitions and grants that nothing in force refers to. Builtin schemas, effects and capabilities may be listed freely. */
export function reportUnused(draft: Draft, report: Report): void {
  const { manifest } = draft;
  const tell = (pointer: string, message: string): void => report(MANIFEST, { code: "def.unused", severity: "warning", pointer, message });
  const schemas = usedSchemas(draft);
  const triggered = new Set((manifest.triggers ?? []).map((trigger) => trigger.plan));
  const routed = new Set([...(manifest.routing?.events ?? []), ...(manifest.routing?.inboxes ?? [])].map((route) => route.reducer));
  const enforcers = new Set([...draft.caps.values()].map((cap) => cap.enforcer.module));
  const grants = manifest.defaults?.cap_grants ?? [];
  const granted = new Set(grants.map((grant) => grant.cap));
  const emitted = emittedKinds(draft);

  for (const [index, { name }] of manifest.schemas.entries()) {
    if (!name.startsWith("sys/") && draft.schemas.has(name) && !schemas.has(name)) tell(`/schemas/${index}`, `nothing uses schema \`${name}\``);
  }
  for (const [index, { name }] of manifest.modules.entries()) {
    const module = draft.modules.get(name);
    if (module === undefined || routed.has(name) || enforcers.has(name)) continue;
    if (module.abi.reducer !== undefined) tell(`/modules/${index}`, `no event is routed to reducer \`${name}\``);
    else if (module.abi.pure?.input === "sys/CapCheckInput@1") tell(`/modules/${index}`, `no capability is enforced by \`${name}\``);
  }
  for (const [index, { name }] of manifest.plans.entries()) {
    if (draft.plans.has(name) && !triggered.has(name)) tell(`/plans/${index}`, `no trigger starts plan \`${name}\``);
  }
  for (const [index, { name }] of manifest.caps.entries()) {
    if (!name.startsWith("sys/") && draft.caps.has(name) && !granted.has(name)) tell(`/caps/${index}`, `capability \`${name}\` is granted to nobody`);
  }
  for (const [index, { name }] of (manifest.effects ?? []).entries()) {
    const effect = draft.effectDefs.find((def) => def.name === name);
    if (!name.startsWith("sys/") && effect !== undefined && !emitted.has(effect.effect)) tell(`/effects/${index}`, `nothing emits effect \`${effect.effect}\``);
  }
  for (const [index, { name }] of manifest.policies.entries()) {
    if (draft.policies.has(name) && manifest.defaults?.policy !== name) tell(`/policies/${index}`, `policy \`${name}\` is not the one in force, \`defaults.policy\``);
  }
  const used = usedGrants(draft);
  for (const [index, grant] of grants.entries()) {
    if (used.has(grant.name)) continue;
    report(MANIFEST, { code: "grant.unused", severity: "warning", pointer: `/defaults/cap_grants/${index}`, message: `nothing uses grant \`${grant.name}\`` });
  }
}

function emittedKinds(draft: Draft): ReadonlySet<string> {
  const kinds = new Set<string>();
  for (const plan of draft.plans.values()) for (const { step } of emitsOf(plan)) kinds.add(step.effect);
  for (const module of draft.modules.values()) for (const kind of module.abi.reducer?.effects_emitted ?? []) kinds.add(kind);
  return kinds;
}

/** Grants that a plan step names, a slot is bound to, or the default slot of a reducer falls back to. */
function usedGrants(draft: Draft): ReadonlySet<string> {
  const used = new Set<string>();
  for (const plan of draft.plans.values()) for (const { step } of emitsOf(plan)) used.add(step.cap);
  for (const { slots } of draft.manifest.module_bindings?.values() ?? []) for (const grant of slots?.values() ?? []) used.add(grant);
  const grants = [...grantsOf(draft).values()];
  for (const module of draft.modules.values()) {
    if (draft.manifest.module_bindings?.get(module.name)?.slots?.has(DEFAULT_SLOT) === true) continue;
    for (const kind of module.abi.reducer?.effects_emitted ?? []) {
      const type = draft.effects.get(kind)?.cap_type;
      const fitting = grants.filter((grant) => type !== undefined && draft.caps.get(grant.cap)?.cap_type === type);
      if (fitting.length === 1) used.add(fitting[0]?.name ?? "");
    }
  }
  return used;
}

function usedSchemas(draft: Draft): ReadonlySet<string> {
  const open: (string | undefined)[] = [];
  for (const { abi, key_schema } of draft.modules.values()) {
    open.push(key_schema, abi.reducer?.state, abi.reducer?.event, abi.reducer?.context, abi.reducer?.annotations, abi.pure?.input, abi.pure?.output, abi.pure?.context);
  }
  for (const plan of draft.plans.values()) {
    open.push(plan.input, plan.output, ...(plan.locals?.values() ?? []));
    for (const step of plan.steps) if (step.op === "raise_event" || step.op === "await_event") open.push(step.event);
  }
  for (const effect of draft.effectDefs) open.push(effect.params_schema, effect.receipt_schema);
  for (const cap of draft.caps.values()) open.push(...refNames(cap.schema));
  for (const { event } of [...(draft.manifest.routing?.events ?? []), ...(draft.manifest.triggers ?? [])]) open.push(event);
  const used = new Set<string>();
  while (open.length > 0) {
    const name = open.pop();
    if (name === undefined || used.has(name) || name.startsWith("sys/")) continue;
    used.add(name);
    const type = draft.schemas.get(name)?.type;
    if (type !== undefined) open.push(...refNames(type));
  }
  return used;
}
