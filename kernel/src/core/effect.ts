// From a wish to an intent: every check in order (runtime sheet 5.1), the first refusal named, the allowing rule recorded.

import { AosError } from "../air/error.ts";
import { intentHash } from "../air/envelope.ts";
import { canonical } from "../air/cbor.ts";
import { hashToRaw, hashValue } from "../air/hash.ts";
import { normalizerFor } from "../air/normalize.ts";
import { mayAsk } from "../air/scope.ts";
import type { ControlPlane, DefEffect } from "../air/types.ts";
import type { Hash, Value } from "../air/value.ts";
import { askBudget, reserve, spendValue } from "./budget.ts";
import { askEnforcer } from "./capability.ts";
import type { Grant } from "./machine.ts";
import { decidePolicy, type PolicyVerdict } from "./policy.ts";
import type { Draft } from "./record.ts";
import { refuseSecrets, withSecretTags } from "./secret.ts";
import { brief, carry, machine, record, writable, type Turn } from "./turn.ts";
import { trieSet } from "./trie.ts";
import type { IntentOrigin, OpenIntent, Spend } from "./world.ts";

export interface EffectWish {
  readonly effect: string;
  readonly params: Value;
  /** Name of the grant. */
  readonly cap: string;
  /** 32 bytes, or undefined for the default. */
  readonly idempotencyKey: Uint8Array | undefined;
  readonly origin: IntentOrigin;
}
/** `held`: every check allowed it, and a person must before it becomes an intent. */
type Enqueued =
  | { readonly kind: "intent" | "held"; readonly seq: number; readonly intent: Hash; readonly params: Uint8Array }
  | { readonly kind: "denied"; readonly code: string; readonly message: string };

/** The check that said no, in the order in which they are asked; `approval` is a person, or the time a person had. */
export type Stage = "kind" | "scope" | "grant" | "params" | "capability" | "secret" | "policy" | "budget" | "approval";

export interface Refusal {
  readonly kind: "refused";
  readonly stage: Stage;
  readonly code: string;
  readonly message: string;
  /** What is known of the effect once its params were read, and of the policy once it was asked. */
  readonly facts: { readonly intent?: Hash; readonly params?: Uint8Array; readonly policy?: string; readonly rule?: number };
}

export interface Allowed {
  readonly kind: "allowed";
  readonly intent: Hash;
  readonly params: Uint8Array;
  readonly idempotencyKey: Uint8Array;
  readonly grant: Grant;
  readonly verdict: PolicyVerdict;
  /** What is to be set aside of the grant's budget; undefined where it has none. */
  readonly ask: Spend | undefined;
}

const ZERO_KEY = new Uint8Array(32);

/**
 * Checks an effect and opens its intent, holds it for a person, or records the denial. Each record carries the rule that decided.
 *
 * @throws AosError `limit.turn`
 */
export function enqueue(turn: Turn, wish: EffectWish, cause: number): Enqueued {
  const verdict = judge(turn, wish);
  carry(turn, (verdict.kind === "refused" ? verdict.facts : verdict).params?.length ?? 0);
  if (verdict.kind === "refused") {
    recordDenial(turn, wish, verdict, cause);
    return { kind: "denied", code: verdict.code, message: verdict.message };
  }
  const { intent, params } = verdict;
  if (verdict.verdict.decision === "require_approval") return { kind: "held", seq: hold(turn, wish, verdict, cause), intent, params };
  return { kind: "intent", seq: open(turn, wish, verdict, { cause }), intent, params };
}

/** Every check, in order; changes nothing. */
export function judge(turn: Turn, wish: EffectWish): Allowed | Refusal {
  const { control, grants, policy } = machine(turn);
  const by = nameOf(wish.origin);
  const effect = control.effects.get(wish.effect);
  if (effect === undefined) return refusal("kind", "effect.unknown", `${wish.effect}: no such effect`);
  if (!mayAsk(wish.origin.kind, effect)) return refusal("scope", "effect.origin_scope", `${wish.effect} is not for a ${wish.origin.kind}`);
  const grant = grants.get(wish.cap);
  if (grant === undefined) return refusal("grant", "cap.grant_missing", `${wish.cap}: no such grant`);

  const normal = normalParams(turn, effect, wish.params);
  if (normal instanceof AosError) return refusal("params", normal.code, normal.message);
  const params = canonical(normal);
  const idempotencyKey = wish.idempotencyKey ?? defaultKey(turn, control, wish.origin);
  if (idempotencyKey.length !== 32) return refusal("params", "idempotency.invalid", "an idempotency key is 32 bytes");
  const intent = intentHash({ effect: wish.effect, params, cap: wish.cap, idempotencyKey });

  const cap = checkGrant(turn, { grant, effect, params, origin: { kind: wish.origin.kind, name: by } });
  if (cap !== undefined) return refusal("capability", cap.code, cap.message, { intent, params });
  const secret = refuseSecrets(control.secrets, normal, wish);
  if (secret !== undefined) return refusal("secret", secret.code, secret.message, { intent, params });
  const verdict = decidePolicy(policy, {
    effect_kind: wish.effect, cap_name: wish.cap, cap_type: grant.capType, origin_kind: wish.origin.kind, origin_name: by,
  });
  const decided = { intent, params, ...decidedBy(verdict) };
  if (verdict.decision === "deny") {
    const why = verdict.rule === undefined ? "no rule allows it" : `rule ${verdict.rule} denies it`;
    return refusal("policy", "policy.denied", `${verdict.policy}: ${why}`, decided);
  }
  const ask = askBudget(turn.world, grant, { effect: wish.effect, params });
  if (ask !== undefined && "refusal" in ask) return refusal("budget", "budget.exceeded", ask.refusal, decided);
  return { kind: "allowed", intent, params, idempotencyKey, grant, verdict, ask };
}

export function refusal(stage: Stage, code: string, message: string, facts: Refusal["facts"] = {}): Refusal {
  return { kind: "refused", stage, code, message, facts };
}

export function recordDenial(turn: Turn, wish: Pick<EffectWish, "effect" | "cap" | "origin">, denial: Refusal, cause: number): void {
  const { effect, cap, origin } = wish;
  const { stage, code, message, facts } = denial;
  record(turn, { kind: "denied", effect, cap, stage, code, message: brief(message), origin: origin.kind, by: nameOf(origin), ...where(origin), ...facts, cause });
}

/** Opens an intent. @returns its seq */
export function open(turn: Turn, wish: EffectWish, allowed: Allowed, why: { readonly cause: number; readonly approved?: number }): number {
  const { approved, cause } = why;
  const by = approved === undefined ? {} : { approved };
  const seq = record(turn, { kind: "intent", ...effectFields(wish, allowed), ...decidedBy(allowed.verdict), ...by, cause });
  writable(turn).intents = trieSet(turn.world.intents, String(seq), openIntent(seq, wish, allowed));
  reserve(turn, wish.cap, allowed.ask);
  return seq;
}

/** Keeps an effect until a person decides, or its rule's time is over. Its budget is set aside meanwhile. */
function hold(turn: Turn, wish: EffectWish, allowed: Allowed, cause: number): number {
  const { verdict, grant } = allowed;
  const rule = verdict.rule ?? 0;
  const expiresNs = verdict.approvalTtlNs === undefined ? undefined : turn.world.logicalNs + verdict.approvalTtlNs;
  const expires = expiresNs === undefined ? {} : { expires_ns: expiresNs };
  const seq = record(turn, { kind: "held", ...effectFields(wish, allowed), policy: verdict.policy, rule, ...expires, cause });
  const held = { ...openIntent(seq, wish, allowed), grant: grant.hash, enforcer: grant.enforcer, policy: verdict.policy, rule, expiresNs };
  writable(turn).held = trieSet(turn.world.held, String(seq), held);
  reserve(turn, wish.cap, allowed.ask);
  return seq;
}

function openIntent(seq: number, wish: EffectWish, { intent, params, idempotencyKey, ask }: Allowed): OpenIntent {
  return { seq, intent, effect: wish.effect, params, cap: wish.cap, idempotencyKey, origin: wish.origin, ...(ask === undefined ? {} : { reserved: ask }) };
}

/** What records of an intent and of a held effect say alike. */
function effectFields(wish: EffectWish, { intent, params, idempotencyKey, grant, ask }: Allowed) {
  const { effect, cap, origin } = wish;
  return {
    intent, effect, params, cap, idempotency_key: idempotencyKey, grant: grant.hash, enforcer: grant.enforcer, origin: origin.kind, by: nameOf(origin),
    ...where(origin), ...keyOf(origin), ...(ask === undefined ? {} : { reserved: spendValue(ask) as Value }),
  } satisfies Partial<Draft<"held">>;
}

function decidedBy(verdict: PolicyVerdict): { readonly policy: string; readonly rule?: number } {
  return { policy: verdict.policy, ...(verdict.rule === undefined ? {} : { rule: verdict.rule }) };
}

function checkGrant(
  turn: Turn,
  ask: { readonly grant: Grant; readonly effect: DefEffect; readonly params: Uint8Array; readonly origin: { readonly kind: "plan" | "reducer"; readonly name: string } },
): { readonly code: string; readonly message: string } | undefined {
  const { grant, effect } = ask;
  if (grant.capType !== effect.cap_type) return { code: "cap.type_mismatch", message: `${grant.name} is of type ${grant.capType}, ${effect.effect} needs ${effect.cap_type}` };
  const verdict = askEnforcer(turn, grant, { effect: effect.effect, params: ask.params, origin: ask.origin });
  if (!verdict.ok) return verdict;
  if (grant.expiryNs !== undefined && turn.stamp.logical_ns >= grant.expiryNs) return { code: "expired", message: `${grant.name} expired at ${grant.expiryNs}` };
  return undefined;
}

/** Zeros, or where the manifest asks for it what no other step of any instance has. */
function defaultKey({ world }: Turn, control: ControlPlane, origin: IntentOrigin): Uint8Array {
  if (control.manifest.defaults?.idempotency !== "instance" || origin.kind !== "plan") return ZERO_KEY;
  return hashToRaw(hashValue({ world: world.id, instance: origin.instance, step: origin.step }));
}

/** Normal by the effect's params schema, references to secrets in their one spelling. */
function normalParams(turn: Turn, effect: DefEffect, params: Value): Value | AosError {
  try {
    return withSecretTags(normalizerFor(machine(turn).control.schemas, effect.params_schema)(params));
  } catch (error) {
    if (error instanceof AosError) return error;
    throw error;
  }
}

function nameOf(origin: IntentOrigin): string {
  return origin.kind === "plan" ? origin.plan : origin.reducer;
}

function where(origin: IntentOrigin): { readonly instance?: number; readonly step?: string } {
  return origin.kind === "plan" ? { instance: origin.instance, step: origin.step } : {};
}

function keyOf(origin: IntentOrigin): { readonly key?: Uint8Array } {
  return origin.kind === "reducer" && origin.key !== undefined ? { key: origin.key } : {};
}
