// What a change of the control plane allows or forbids. Sound in one direction: whatever may permit more is called widening.

import type { AuthorityChange } from "./diff.ts";
import { deadlineText } from "./diff-details.ts";
import { grantChanges, type HeldGrant } from "./diff-grant.ts";
import { names, pairs, setDiff } from "./diff-list.ts";
import { policyChanges } from "./diff-policy.ts";
import { secretText } from "./diff-sections.ts";
import { nodeHash } from "./serialize.ts";
import { compareText } from "./text.ts";
import { refNames, typeText } from "./type-shape.ts";
import type { CapGrant, ControlPlane, DefCap, DefEffect, DefModule, DefPlan, SecretDecl, TypeExpr } from "./types.ts";
import { emitsOf } from "./validate-plan.ts";

/** Both sides of a comparison. */
interface Sides {
  readonly base: ControlPlane | undefined;
  readonly next: ControlPlane;
}
type Effect = AuthorityChange["effect"];

const ORDER: readonly Effect[] = ["widening", "narrowing", "neutral"];

/** All changes of authority: widening first, then narrowing, then neutral; by subject and text within. */
export function authorityChanges(base: ControlPlane | undefined, next: ControlPlane): readonly AuthorityChange[] {
  const sides = { base, next };
  const changes = [
    ...pairs(heldGrants(base), heldGrants(next)).flatMap(({ before, after }) => grantChanges(before, after)),
    ...policyChanges(base, next),
    ...planChanges(sides),
    ...reducerChanges(sides),
    ...capChanges(sides),
    ...moduleChanges(sides),
    ...effectChanges(sides),
    ...bindingChanges(sides),
    ...fallbackChanges(sides),
    ...secretChanges(sides),
    ...triggerChanges(sides),
    ...migrationChanges(sides),
    ...idempotencyChanges(sides),
  ];
  const sorted = changes.sort((a, b) => ORDER.indexOf(a.effect) - ORDER.indexOf(b.effect) || compareText(a.subject, b.subject) || compareText(a.text, b.text));
  return sorted.filter((one, index) => one.text !== sorted[index - 1]?.text || one.subject !== sorted[index - 1]?.subject || one.effect !== sorted[index - 1]?.effect);
}

function grantsOf(control: ControlPlane | undefined): readonly CapGrant[] {
  return control?.manifest.defaults?.cap_grants ?? [];
}

function heldGrants(control: ControlPlane | undefined): ReadonlyMap<string, HeldGrant> {
  return new Map(control === undefined ? [] : grantsOf(control).map((grant) => [grant.name, { control, grant }]));
}

/** What plans ask for: each effect with the grant it is asked under. */
function planChanges({ base, next }: Sides): readonly AuthorityChange[] {
  const asks = (plan: DefPlan | undefined): readonly string[] => (plan === undefined ? [] : emitsOf(plan).map(({ step }) => `\`${step.effect}\` under \`${step.cap}\``));
  return pairs(base?.plans, next.plans).flatMap(({ name, before, after }) => {
    const { added, removed } = setDiff(asks(before), asks(after));
    return [
      ...added.map((ask): AuthorityChange => ({ effect: "widening", subject: `plan \`${name}\``, text: `now emits ${ask}` })),
      ...removed.map((ask): AuthorityChange => ({ effect: "narrowing", subject: `plan \`${name}\``, text: `no longer emits ${ask}` })),
      ...(before === undefined || after === undefined ? [] : deadlineChanges(before, after)),
    ];
  });
}

/** A plan that lives longer can ask for more, so only a shorter life is less. */
function deadlineChanges(before: DefPlan, after: DefPlan): readonly AuthorityChange[] {
  const [was, is] = [before.deadline_ns, after.deadline_ns];
  if (was === is) return [];
  const shorter = is !== undefined && (was === undefined || is < was);
  const text = is === undefined ? `may now live for ever, was ${deadlineText(before)}` : `may now live ${shorter ? "only " : ""}${deadlineText(after)}, was ${was === undefined ? "for ever" : deadlineText(before)}`;
  return [{ effect: shorter ? "narrowing" : "widening", subject: `plan \`${after.name}\``, text }];
}

function reducerChanges({ base, next }: Sides): readonly AuthorityChange[] {
  return pairs(base?.modules, next.modules).flatMap(({ name, before, after }) => {
    const { added, removed } = setDiff(before?.abi.reducer?.effects_emitted ?? [], after?.abi.reducer?.effects_emitted ?? []);
    return [
      ...added.map((kind): AuthorityChange => ({ effect: "widening", subject: `reducer \`${name}\``, text: `may now emit \`${kind}\`` })),
      ...removed.map((kind): AuthorityChange => ({ effect: "narrowing", subject: `reducer \`${name}\``, text: `no longer emits \`${kind}\`` })),
    ];
  });
}

const ALLOW_ALL = "sys/CapAllowAll@1";

/** Capabilities that were granted and still are: their enforcer, its code, and what their parameters mean. */
function capChanges({ base, next }: Sides): readonly AuthorityChange[] {
  const granted = (control: ControlPlane | undefined): ReadonlySet<string> => new Set(grantsOf(control).map((grant) => grant.cap));
  const before = granted(base);
  return [...granted(next)].filter((name) => before.has(name)).flatMap((name) => {
    const [was, is] = [base?.caps.get(name), next.caps.get(name)];
    if (was === undefined || is === undefined) return [];
    const subject = `capability \`${name}\``;
    const params = closure(base, was.schema) === closure(next, is.schema) ? [] : [{ effect: "widening", text: "has other parameters, which may leave out a limit" } as const];
    const code = was.enforcer.module === is.enforcer.module ? enforcerCode(is, base, next) : [];
    return [...enforcerChanges(was, is), ...params, ...code].map((change) => ({ ...change, subject }));
  });
}

type Change = Omit<AuthorityChange, "subject">;

function enforcerChanges(was: DefCap, is: DefCap): readonly Change[] {
  const changes: Change[] = [];
  const [from, to] = [was.enforcer.module, is.enforcer.module];
  if (from !== to) {
    if (to === ALLOW_ALL) changes.push({ effect: "widening", text: `is no longer enforced, was by \`${from}\`` });
    else if (from === ALLOW_ALL) changes.push({ effect: "narrowing", text: `is now enforced by \`${to}\`` });
    else changes.push({ effect: "widening", text: `is enforced by \`${to}\` instead of \`${from}\`` });
  }
  if (was.cap_type !== is.cap_type) changes.push({ effect: "widening", text: `is of type \`${is.cap_type}\` instead of \`${was.cap_type}\`` });
  return changes;
}

function enforcerCode(is: DefCap, base: ControlPlane | undefined, next: ControlPlane): readonly Change[] {
  const [was, now] = [base?.modules.get(is.enforcer.module), next.modules.get(is.enforcer.module)];
  if (is.enforcer.module === ALLOW_ALL || hashOf(was) === hashOf(now)) return [];
  const what = was === undefined ? "is listed now" : now === undefined ? "is no longer listed" : "changed";
  return [{ effect: "widening", text: `its enforcer \`${is.enforcer.module}\` ${what}` }];
}

function hashOf(module: DefModule | undefined): string {
  return module === undefined ? "" : nodeHash(module);
}

/** New code asks for no more than its grants give; that it changed is still said. Of enforcers capChanges speaks, and of migrations migrationChanges. */
function moduleChanges({ base, next }: Sides): readonly AuthorityChange[] {
  const enforcers = new Set(grantsOf(next).map((grant) => next.caps.get(grant.cap)?.enforcer.module));
  for (const { module } of next.manifest.migrations ?? []) enforcers.add(module);
  return pairs(base?.modules, next.modules).flatMap(({ name, before, after }): readonly AuthorityChange[] => {
    if (before === undefined || after === undefined || before.wasm_hash === after.wasm_hash || enforcers.has(name)) return [];
    return [{ effect: "neutral", subject: `module \`${name}\``, text: "code changed; what it may do is bounded by its grants" }];
  });
}

/** Effects of the world's own making: who may ask, under what, and what can be asked. */
function effectChanges({ base, next }: Sides): readonly AuthorityChange[] {
  return pairs(base?.effects, next.effects).flatMap(({ name, before, after }) => {
    if (base === undefined || before === undefined || after === undefined || before === after) return [];
    const subject = `effect \`${name}\``;
    return [...scopeChanges(before, after), ...meaningChanges({ before, after, base, next })].map((change) => ({ ...change, subject }));
  });
}

function scopeChanges(before: DefEffect, after: DefEffect): readonly Change[] {
  if (before.origin_scope === after.origin_scope) return [];
  if (before.origin_scope === "both") return [{ effect: "narrowing", text: `may be asked for by a ${after.origin_scope} only` }];
  return [{ effect: "widening", text: `may now be asked for by ${after.origin_scope === "both" ? "plans and reducers" : `a ${after.origin_scope}`}, was by a ${before.origin_scope}` }];
}

function meaningChanges({ before, after, base, next }: { readonly before: DefEffect; readonly after: DefEffect; readonly base: ControlPlane; readonly next: ControlPlane }): readonly Change[] {
  const changes: Change[] = [];
  if (before.name !== after.name) changes.push({ effect: "widening", text: `is now defined by \`${after.name}\` instead of \`${before.name}\`` });
  if (before.cap_type !== after.cap_type) changes.push({ effect: "widening", text: `now needs a grant of type \`${after.cap_type}\` instead of \`${before.cap_type}\`` });
  const touched = closure(base, { kind: "ref", name: before.params_schema }) !== closure(next, { kind: "ref", name: after.params_schema });
  if (touched) changes.push({ effect: "widening", text: `can be given other params: \`${after.params_schema}\` changed` });
  return changes;
}

/** Everything a type means: itself and all schemas it refers to, as one text. */
function closure(control: ControlPlane | undefined, type: TypeExpr): string {
  const seen = new Map<string, string>();
  const open = [...refNames(type)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const inner = control?.schemas.get(name)?.type;
    if (seen.has(name) || inner === undefined) continue;
    seen.set(name, typeText(inner));
    open.push(...refNames(inner));
  }
  return [typeText(type), ...[...seen].map(([name, text]) => `${name} = ${text}`).sort(compareText)].join("\n");
}

const DEFAULT_SLOT = "default";

function bindingChanges({ base, next }: Sides): readonly AuthorityChange[] {
  return pairs(base?.manifest.module_bindings, next.manifest.module_bindings).flatMap(({ name, before, after }) =>
    pairs(before?.slots, after?.slots).flatMap((slot): readonly AuthorityChange[] => {
      const subject = `slot \`${slot.name}\` of \`${name}\``;
      if (slot.before === slot.after) return [];
      if (slot.after !== undefined) {
        const instead = slot.before === undefined ? "" : ` instead of \`${slot.before}\``;
        return [{ effect: "widening", subject, text: `now draws on grant \`${slot.after}\`${instead}` }];
      }
      // An unbound default slot falls back to whatever grant is the only one of its type.
      if (slot.name === DEFAULT_SLOT) return [{ effect: "widening", subject, text: `no longer bound to \`${slot.before}\`: it takes the only grant of the type that is asked for` }];
      return [{ effect: "narrowing", subject, text: `no longer draws on grant \`${slot.before}\`` }];
    }),
  );
}

/** The only grant of a type serves the default slot of every reducer without a binding, so fewer grants can permit more. */
function fallbackChanges({ base, next }: Sides): readonly AuthorityChange[] {
  if (![...next.modules.values()].some((module) => module.abi.reducer !== undefined)) return [];
  const [before, after] = [onlyGrants(base), onlyGrants(next)];
  const moved = pairs(before, after).flatMap(({ name: type, before: was, after: is }): readonly AuthorityChange[] => {
    if (was === is) return [];
    const subject = `default slot for \`${type}\``;
    if (is === undefined) return [{ effect: "narrowing", subject, text: `reducers without a binding no longer fall back to grant \`${was}\`` }];
    return [{ effect: "widening", subject, text: `reducers without a binding now fall back to grant \`${is}\`` }];
  });
  const reducers = [...next.modules.values()].filter((module) => module.abi.reducer !== undefined && base?.modules.get(module.name)?.abi.reducer === undefined);
  const unbound = reducers.filter((module) => next.manifest.module_bindings?.get(module.name)?.slots?.has(DEFAULT_SLOT) !== true);
  const arrived = base === undefined ? [] : unbound.flatMap(({ name }) =>
    [...after].map(([type, grant]): AuthorityChange => ({ effect: "widening", subject: `reducer \`${name}\``, text: `is new and falls back to grant \`${grant}\` for \`${type}\`` })),
  );
  return [...moved, ...arrived];
}

/** Types that reducers can ask for and that exactly one grant has. */
function onlyGrants(control: ControlPlane | undefined): ReadonlyMap<string, string> {
  const asked = new Set([...(control?.effects.values() ?? [])].filter((effect) => effect.origin_scope !== "plan").map((effect) => effect.cap_type));
  const byType = new Map<string, string[]>();
  for (const grant of grantsOf(control)) {
    const type = control?.caps.get(grant.cap)?.cap_type ?? "";
    if (asked.has(type)) byType.set(type, [...(byType.get(type) ?? []), grant.name]);
  }
  return new Map([...byType].flatMap(([type, list]) => (list.length === 1 ? [[type, list[0] as string] as const] : [])));
}

function secretChanges({ base, next }: Sides): readonly AuthorityChange[] {
  const byId = (control: ControlPlane | undefined): ReadonlyMap<string, SecretDecl> => new Map((control?.secrets ?? []).map((decl) => [secretText(decl), decl]));
  return pairs(byId(base), byId(next)).flatMap(({ name, before, after }) => {
    const subject = `secret ${name}`;
    if (after === undefined) return [{ effect: "narrowing", subject, text: "can no longer be used" } as const];
    if (before === undefined) return [{ effect: "widening", subject, text: `can now be used ${audience(after)}` } as const];
    return [...useChanges(before, after), ...bindingOf(before, after)].map((change) => ({ ...change, subject }));
  });
}

function audience({ policy }: SecretDecl): string {
  const caps = policy?.allowed_caps ?? [];
  const plans = policy?.allowed_plans ?? [];
  return `${caps.length === 0 ? "under any grant" : `under ${names(caps)}`}, ${plans.length === 0 ? "from anywhere" : `from ${names(plans)}`}`;
}

function useChanges(before: SecretDecl, after: SecretDecl): readonly Change[] {
  return (["allowed_caps", "allowed_plans"] as const).flatMap((list): readonly Change[] => {
    const [was, is] = [before.policy?.[list] ?? [], after.policy?.[list] ?? []];
    const noun = list === "allowed_caps" ? "grant" : "plan";
    if (was.length === 0 && is.length === 0) return [];
    if (is.length === 0) return [{ effect: "widening", text: `is no longer limited to a ${noun}` }];
    if (was.length === 0) return [{ effect: "narrowing", text: `is now limited to ${noun} ${names(is)}` }];
    const { added, removed } = setDiff(was, is);
    return [
      ...added.map((name): Change => ({ effect: "widening", text: `can now be used with ${noun} \`${name}\`` })),
      ...removed.map((name): Change => ({ effect: "narrowing", text: `can no longer be used with ${noun} \`${name}\`` })),
    ];
  });
}

function bindingOf(before: SecretDecl, after: SecretDecl): readonly Change[] {
  const changes: Change[] = [];
  if (before.binding_id !== after.binding_id) changes.push({ effect: "widening", text: `is now bound to \`${after.binding_id}\` instead of \`${before.binding_id}\`` });
  if (before.expected_digest === after.expected_digest) return changes;
  if (before.expected_digest === undefined) changes.push({ effect: "narrowing", text: "must now have a known digest" });
  else changes.push({ effect: "widening", text: after.expected_digest === undefined ? "may now have any value" : "must have another digest now" });
  return changes;
}

/** Ways to set off what is asked for, new ones and those that went: events that start a plan with effects, or reach a reducer with effects. */
function triggerChanges({ base, next }: Sides): readonly AuthorityChange[] {
  const starts = setDiff((base?.manifest.triggers ?? []).map((trigger) => `${trigger.event} ${trigger.plan}`), (next.manifest.triggers ?? []).map((trigger) => `${trigger.event} ${trigger.plan}`));
  const routes = setDiff((base?.manifest.routing?.events ?? []).map((route) => `${route.event} ${route.reducer}`), (next.manifest.routing?.events ?? []).map((route) => `${route.event} ${route.reducer}`));
  const planEmits = (name: string): readonly string[] => {
    const plan = next.plans.get(name);
    return plan === undefined ? [] : [...new Set(emitsOf(plan).map(({ step }) => step.effect))].sort(compareText);
  };
  const plan: Way = { verb: "starts", noun: "plan", emits: planEmits };
  const reducer: Way = { verb: "reaches", noun: "reducer", emits: (name) => next.modules.get(name)?.abi.reducer?.effects_emitted ?? [] };
  return [
    ...starts.added.flatMap((id) => setOff(id, "widening", plan)), ...starts.removed.flatMap((id) => setOff(id, "narrowing", plan)),
    ...routes.added.flatMap((id) => setOff(id, "widening", reducer)), ...routes.removed.flatMap((id) => setOff(id, "narrowing", reducer)),
  ];
}

interface Way {
  readonly verb: string;
  readonly noun: string;
  /** What a plan or reducer of the control plane that comes asks for. */
  readonly emits: (name: string) => readonly string[];
}

function setOff(id: string, effect: "widening" | "narrowing", { verb, noun, emits }: Way): readonly AuthorityChange[] {
  const [event = "", target = ""] = id.split(" ");
  const effects = emits(target);
  if (effects.length === 0) return [];
  return [{ effect, subject: `${noun} \`${target}\``, text: `event \`${event}\` ${effect === "widening" ? "now" : "no longer"} ${verb} it, and it emits ${names(effects)}` }];
}

/** A migration writes cells that only their reducer could write: one that is new, or that does something else, is never neutral. */
function migrationChanges({ base, next }: Sides): readonly AuthorityChange[] {
  const byReducer = (control: ControlPlane | undefined): ReadonlyMap<string, string> => new Map((control?.manifest.migrations ?? []).map(({ reducer, module }) => [reducer, module]));
  return pairs(byReducer(base), byReducer(next)).flatMap(({ name, before, after }): readonly AuthorityChange[] => {
    const subject = `migration of \`${name}\``;
    if (after === undefined) return [{ effect: "narrowing", subject, text: `\`${before}\` may no longer rewrite its cells` }];
    if (before === undefined) return [{ effect: "widening", subject, text: `\`${after}\` may now rewrite its cells` }];
    if (before !== after) return [{ effect: "widening", subject, text: `\`${after}\` may now rewrite its cells, instead of \`${before}\`` }];
    if (hashOf(base?.modules.get(before)) !== hashOf(next.modules.get(after))) return [{ effect: "widening", subject, text: `\`${after}\`, which may rewrite its cells, changed` }];
    if (stateOf(base, name) === stateOf(next, name)) return [];
    return [{ effect: "widening", subject, text: `its state changed, so \`${after}\` rewrites cells that no longer fit` }];
  });
}

/** What has a key may be sent again after a crash. */
function idempotencyChanges({ base, next }: Sides): readonly AuthorityChange[] {
  const [was, is] = [base, next].map((control) => control?.manifest.defaults?.idempotency);
  if (was === is) return [];
  const [effect, text] = is === undefined ? (["narrowing", "no longer have one of their own"] as const) : (["widening", "now have one of their own, so that they may be sent again"] as const);
  return [{ effect, subject: "plans", text: `effects that are asked for without an idempotency key ${text}` }];
}

/** Everything the state of a reducer means. */
function stateOf(control: ControlPlane | undefined, reducer: string): string {
  const state = control?.modules.get(reducer)?.abi.reducer?.state;
  return state === undefined ? "" : closure(control, { kind: "ref", name: state });
}
