// Rules of one plan: its graph, its handles, what it emits, what it waits for.

import { compareText } from "./text.ts";
import { requireSchema, suggestion, under, type Draft, type Owner, type Report } from "./findings.ts";
import { validatePlanRefs } from "./validate-plan-refs.ts";
import { mayAsk } from "./scope.ts";
import type { DefPlan, PlanStep } from "./types.ts";

/** Rules P1 to P12, M13 to M15, D-23 and D-29. Correlation is in validate-route: it depends on the triggers. */
export function validatePlan(draft: Draft, plan: DefPlan, report: Report): void {
  const owner: Owner = { kind: "defplan", name: plan.name };
  const tell: Tell = (code, pointer, message, more = {}) => report(owner, { code, pointer, message, ...more });
  validateSchemasOf(draft, plan, { owner, report });
  if (plan.steps.length === 0) tell("plan.empty", "/steps", "a plan needs at least one step");
  if (plan.deadline_ns === 0n) tell("plan.deadline", "/deadline_ns", "a plan that may live for no time would end before its first step", { hint: "leave `deadline_ns` out for no limit" });
  validateIds(plan, tell);
  const sound = validateEdges(plan, tell);
  if (sound) reportUnreachable(plan, tell);
  validateEmits(draft, plan, tell);
  validateDeclared(draft, plan, tell);
  validateHandles(plan, tell);
  validateEnds(plan, tell);
  validatePlanRefs(draft, plan, tell);
}

/** Reports against the plan at hand. */
export type Tell = (code: string, pointer: string, message: string, more?: { readonly hint?: string; readonly severity?: "error" | "warning" }) => void;

type EmitStep = Extract<PlanStep, { readonly op: "emit_effect" }>;

/** The effects a plan asks for, with the index of each step. */
export function emitsOf(plan: DefPlan): readonly { readonly step: EmitStep; readonly index: number }[] {
  return plan.steps.flatMap((step, index) => (step.op === "emit_effect" ? [{ step, index }] : []));
}

function validateSchemasOf(draft: Draft, plan: DefPlan, { owner, report }: { readonly owner: Owner; readonly report: Report }): void {
  const need = (name: string, pointer: string): void => requireSchema(draft, name, { owner, pointer, report });
  need(plan.input, "/input");
  if (plan.output !== undefined) need(plan.output, "/output");
  for (const [name, schema] of plan.locals ?? []) need(schema, under("/locals", name));
  for (const [index, step] of plan.steps.entries()) {
    if (step.op === "raise_event" || step.op === "await_event") need(step.event, `/steps/${index}/event`);
  }
}

function validateIds(plan: DefPlan, tell: Tell): void {
  const seen = new Map<string, number>();
  for (const [index, { id }] of plan.steps.entries()) {
    const first = seen.get(id);
    if (first !== undefined) tell("plan.duplicate_step", `/steps/${index}/id`, `step \`${id}\` is step ${first} already`);
    else seen.set(id, index);
  }
}

/** @returns whether the edges make an acyclic graph over known steps */
function validateEdges(plan: DefPlan, tell: Tell): boolean {
  const ids = new Set(plan.steps.map((step) => step.id));
  const seen = new Map<string, Set<string>>();
  let sound = true;
  for (const [index, edge] of (plan.edges ?? []).entries()) {
    for (const end of ["from", "to"] as const) {
      if (ids.has(edge[end])) continue;
      sound = false;
      tell("plan.unknown_step", `/edges/${index}/${end}`, `the edge names \`${edge[end]}\`, which is not a step`, suggestion(edge[end], ids));
    }
    const targets = seen.get(edge.from) ?? new Set();
    if (targets.has(edge.to)) tell("plan.duplicate_edge", `/edges/${index}`, `there is an edge from \`${edge.from}\` to \`${edge.to}\` already`);
    seen.set(edge.from, targets.add(edge.to));
  }
  const cycle = findCycle(seen);
  if (cycle === undefined) return sound;
  const index = (plan.edges ?? []).findIndex((edge) => edge.from === cycle.at(-2) && edge.to === cycle.at(-1));
  tell("plan.cycle", `/edges/${index}`, `the steps wait for each other: ${cycle.join(" → ")}`, {
    hint: "a plan runs each step once; a loop is a plan that raises the event which starts it again",
  });
  return false;
}

/** One cycle of a graph, first node repeated at the end; depth first with an explicit stack, so that long plans do not exhaust the host's. */
function findCycle(graph: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] | undefined {
  const done = new Set<string>();
  for (const start of graph.keys()) {
    const path: string[] = [];
    const stack = [{ node: start, next: [...(graph.get(start) ?? [])] }];
    const open = new Set<string>();
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { node: string; next: string[] };
      if (!open.has(top.node)) {
        open.add(top.node);
        path.push(top.node);
      }
      const target = done.has(top.node) ? undefined : top.next.pop();
      if (target === undefined) {
        done.add(top.node);
        open.delete(top.node);
        path.pop();
        stack.pop();
      } else if (open.has(target)) {
        return [...path.slice(path.indexOf(target)), target];
      } else if (!done.has(target)) {
        stack.push({ node: target, next: [...(graph.get(target) ?? [])] });
      }
    }
  }
  return undefined;
}

/** A step never runs when it comes after an `end`, or when no edge into it can become active. */
function reportUnreachable(plan: DefPlan, tell: Tell): void {
  const incoming = new Map<string, { readonly from: string; readonly never: boolean }[]>();
  const outgoing = new Map<string, string[]>();
  for (const { from, to, when } of plan.edges ?? []) {
    const never = when?.kind === "bool" && !when.value;
    push(incoming, to, { from, never });
    push(outgoing, from, to);
  }
  const ends = new Set(plan.steps.filter((step) => step.op === "end").map((step) => step.id));
  const dead = new Set<string>();
  // A step that waits for one of these waits for ever.
  const blocked = new Set(ends);
  const open = plan.steps.map((step) => step.id);
  const waiting = new Map(open.map((id) => [id, incoming.get(id)?.length ?? 0]));
  const ready = open.filter((id) => waiting.get(id) === 0);
  for (const id of ready) {
    const into = incoming.get(id) ?? [];
    const stuck = into.some(({ from }) => blocked.has(from));
    if (stuck) blocked.add(id);
    if (stuck || (into.length > 0 && into.every(({ from, never }) => never || dead.has(from)))) dead.add(id);
    for (const to of outgoing.get(id) ?? []) {
      const left = (waiting.get(to) ?? 0) - 1;
      waiting.set(to, left);
      if (left === 0) ready.push(to);
    }
  }
  for (const [index, { id }] of plan.steps.entries()) {
    if (!dead.has(id)) continue;
    const why = blocked.has(id) ? "it comes after a step that ends the plan" : "no edge into it can become active";
    tell("plan.unreachable_step", `/steps/${index}`, `step \`${id}\` never runs: ${why}`, { severity: "warning" });
  }
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function validateEmits(draft: Draft, plan: DefPlan, tell: Tell): void {
  const grants = new Map((draft.manifest.defaults?.cap_grants ?? []).map((grant) => [grant.name, grant]));
  for (const { step, index } of emitsOf(plan)) {
    const effect = draft.effects.get(step.effect);
    if (effect === undefined) {
      tell("effect.missing", `/steps/${index}/kind`, `effect kind \`${step.effect}\` does not exist`, suggestion(step.effect, draft.effects.keys()));
    } else if (!mayAsk("plan", effect)) {
      tell("effect.origin_scope", `/steps/${index}/kind`, `effect \`${step.effect}\` is for reducers, not for plans`);
    }
    const grant = grants.get(step.cap);
    if (grant === undefined) {
      tell("grant.missing", `/steps/${index}/cap`, `grant \`${step.cap}\` does not exist`, suggestion(step.cap, grants.keys()));
      continue;
    }
    const cap = draft.caps.get(grant.cap);
    if (cap === undefined || effect === undefined || cap.cap_type === effect.cap_type) continue;
    const fits = [...grants.values()].filter((other) => draft.caps.get(other.cap)?.cap_type === effect.cap_type).map((other) => `\`${other.name}\``);
    const message = `grant \`${step.cap}\` is of type \`${cap.cap_type}\`, effect \`${step.effect}\` needs \`${effect.cap_type}\``;
    tell("cap.type_mismatch", `/steps/${index}/cap`, message, fits.length === 0 ? {} : { hint: `of that type: ${fits.join(", ")}` });
  }
}

/** `required_caps` and `allowed_effects` say again what the steps use; where they are written, they must say the same. */
function validateDeclared(draft: Draft, plan: DefPlan, tell: Tell): void {
  const emits = emitsOf(plan);
  const grants = (draft.manifest.defaults?.cap_grants ?? []).map((grant) => grant.name);
  const lists = [
    { field: "required_caps", code: "plan.caps_mismatch", given: plan.required_caps, used: emits.map(({ step }) => step.cap), known: new Set(grants), missing: "grant" },
    { field: "allowed_effects", code: "plan.effects_mismatch", given: plan.allowed_effects, used: emits.map(({ step }) => step.effect), known: new Set(draft.effects.keys()), missing: "effect" },
  ] as const;
  for (const { field, code, given, used, known, missing } of lists) {
    if (given === undefined || given.length === 0) continue;
    const declared = [...new Set(given)].sort(compareText);
    const derived = [...new Set<string>(used)].sort(compareText);
    if (declared.join("\n") !== derived.join("\n")) {
      tell(code, `/${field}`, `\`${field}\` lists ${listText(declared)}, the steps use ${listText(derived)}`, { hint: `leave \`${field}\` out: it is derived` });
    }
    for (const name of declared) {
      if (known.has(name) || derived.includes(name)) continue;
      const what = missing === "effect" ? "effect kind" : "grant";
      tell(`${missing}.missing`, `/${field}`, `${what} \`${name}\` does not exist`, suggestion(name, known));
    }
  }
}

function listText(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.map((name) => `\`${name}\``).join(", ");
}

function validateHandles(plan: DefPlan, tell: Tell): void {
  const handles = new Map<string, string>();
  const all = emitsOf(plan).map(({ step }) => step.bind.effect_id_as);
  for (const [index, step] of plan.steps.entries()) {
    if (step.op === "emit_effect") {
      const handle = step.bind.effect_id_as;
      const first = handles.get(handle);
      if (first !== undefined) tell("plan.duplicate_handle", `/steps/${index}/bind/effect_id_as`, `handle \`${handle}\` is bound by step \`${first}\` already`);
      else handles.set(handle, step.id);
    }
    if (step.op !== "await_receipt") continue;
    const handle = step.for.kind === "ref" && step.for.ref.startsWith("@var:") ? step.for.ref.slice("@var:".length) : undefined;
    if (handle === undefined || handle === "" || handle.includes(".")) {
      tell("plan.await_reference", `/steps/${index}/for`, "a receipt is awaited by the handle of an effect, `{\"ref\": \"@var:HANDLE\"}`");
    } else if (!handles.has(handle)) {
      const later = all.includes(handle);
      tell("plan.await_handle", `/steps/${index}/for`, later ? `handle \`${handle}\` is bound by a later step` : `no step before this one binds the handle \`${handle}\``, {
        ...(later ? { hint: "list the step that emits the effect first" } : suggestion(handle, handles.keys())),
      });
    }
  }
}

function validateEnds(plan: DefPlan, tell: Tell): void {
  const ends = plan.steps.flatMap((step, index) => (step.op === "end" ? [{ step, index }] : []));
  if (plan.output === undefined) {
    for (const { step, index } of ends) {
      if (step.result !== undefined) tell("plan.result_without_output", `/steps/${index}/result`, "the plan gives a result but declares no `output`");
    }
    return;
  }
  for (const { step, index } of ends) {
    if (step.result === undefined) tell("plan.missing_result", `/steps/${index}`, `the plan declares the output \`${plan.output}\`, and this end gives no \`result\``);
  }
  if (ends.length === 0 && plan.steps.length > 0) {
    tell("plan.no_end", "/output", `the plan declares the output \`${plan.output}\` but has no end step`, { severity: "warning" });
  }
}
