// From a wish to an intent: every check in order (runtime sheet 5.1), the first refusal named, the allowing rule recorded.

import { AosError } from "../air/error.ts";
import { intentHash } from "../air/envelope.ts";
import { canonical } from "../air/cbor.ts";
import { normalizerFor } from "../air/normalize.ts";
import type { DefEffect } from "../air/types.ts";
import type { Hash, Value } from "../air/value.ts";
import { askEnforcer } from "./capability.ts";
import type { Grant } from "./machine.ts";
import { decidePolicy } from "./policy.ts";
import { brief, machine, record, type Turn } from "./turn.ts";
import { trieSet } from "./trie.ts";
import type { IntentOrigin } from "./world.ts";

export interface EffectWish {
  readonly effect: string;
  readonly params: Value;
  /** Name of the grant. */
  readonly cap: string;
  /** 32 bytes, or undefined for the default of zeros. */
  readonly idempotencyKey: Uint8Array | undefined;
  readonly origin: IntentOrigin;
}
export type Enqueued =
  | { readonly kind: "intent"; readonly seq: number; readonly intent: Hash; readonly params: Uint8Array }
  | { readonly kind: "denied"; readonly code: string; readonly message: string };

const ZERO_KEY = new Uint8Array(32);

/** Checks an effect and opens its intent, or records the denial. Both records carry the rule that decided. */
export function enqueue(turn: Turn, wish: EffectWish, cause: number): Enqueued {
  const control = machine(turn).control;
  const by = wish.origin.kind === "plan" ? wish.origin.plan : wish.origin.reducer;
  const deny = (stage: string, code: string, message: string, more: { intent?: Hash; params?: Uint8Array; policy?: string; rule?: number } = {}): Enqueued => {
    record(turn, { kind: "denied", effect: wish.effect, cap: wish.cap, stage, code, message: brief(message), origin: wish.origin.kind, by, ...where(wish.origin), ...more, cause });
    return { kind: "denied", code, message };
  };

  const effect = control.effects.get(wish.effect);
  if (effect === undefined) return deny("kind", "effect.unknown", `${wish.effect}: no such effect`);
  if (!inScope(effect, wish.origin.kind)) return deny("scope", "effect.origin_scope", `${wish.effect} is not for a ${wish.origin.kind}`);
  const grant = machine(turn).grants.get(wish.cap);
  if (grant === undefined) return deny("grant", "cap.grant_missing", `${wish.cap}: no such grant`);

  const normal = normalParams(turn, effect, wish.params);
  if (normal instanceof AosError) return deny("params", normal.code, normal.message);
  const params = normal;
  const idempotencyKey = wish.idempotencyKey ?? ZERO_KEY;
  if (idempotencyKey.length !== 32) return deny("params", "idempotency.invalid", "an idempotency key is 32 bytes");
  const intent = intentHash({ effect: wish.effect, params, cap: wish.cap, idempotencyKey });

  const refusal = checkGrant(turn, { grant, effect, params, origin: { kind: wish.origin.kind, name: by } });
  if (refusal !== undefined) return deny("capability", refusal.code, refusal.message, { intent, params });
  const verdict = decidePolicy(machine(turn).policy, {
    effect_kind: wish.effect, cap_name: wish.cap, cap_type: grant.capType, origin_kind: wish.origin.kind, origin_name: by,
  });
  const rule = verdict.rule === undefined ? {} : { rule: verdict.rule };
  if (verdict.decision === "deny") {
    const why = verdict.rule === undefined ? "no rule allows it" : `rule ${verdict.rule} denies it`;
    return deny("policy", "policy.denied", `${verdict.policy}: ${why}`, { intent, params, policy: verdict.policy, ...rule });
  }
  const seq = record(turn, {
    kind: "intent", intent, effect: wish.effect, params, cap: wish.cap, idempotency_key: idempotencyKey, grant: grant.hash, enforcer: grant.enforcer,
    policy: verdict.policy, ...rule, origin: wish.origin.kind, by, ...where(wish.origin), ...keyOf(wish.origin), cause,
  });
  const open = { seq, intent, effect: wish.effect, params, cap: wish.cap, idempotencyKey, origin: wish.origin };
  turn.world = { ...turn.world, intents: trieSet(turn.world.intents, String(seq), open) };
  return { kind: "intent", seq, intent, params };
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

function normalParams(turn: Turn, effect: DefEffect, params: Value): Uint8Array | AosError {
  try {
    const bytes = canonical(normalizerFor(machine(turn).control.schemas, effect.params_schema)(params));
    return bytes;
  } catch (error) {
    if (error instanceof AosError) return error;
    throw error;
  }
}

function inScope(effect: DefEffect, origin: "plan" | "reducer"): boolean {
  return effect.origin_scope === "both" || effect.origin_scope === origin;
}

function where(origin: IntentOrigin): { readonly instance?: number; readonly step?: string } {
  return origin.kind === "plan" ? { instance: origin.instance, step: origin.step } : {};
}

function keyOf(origin: IntentOrigin): { readonly key?: Uint8Array } {
  return origin.kind === "reducer" && origin.key !== undefined ? { key: origin.key } : {};
}
