// May this grant do this effect? The enforcer the capability names answers: builtin ones as plain code, others as pure modules.

import { canonical, decode } from "../air/cbor.ts";
import { decodePureOutput, encodePureInput, pureContext } from "../air/envelope.ts";
import { AosError } from "../air/error.ts";
import { LIMITS } from "./limits.ts";
import type { CapCheck } from "./cap-check.ts";
import { checkGovernance } from "./enforce-governance.ts";
import { checkHttp } from "./enforce-http.ts";
import { checkLlm } from "./enforce-llm.ts";
import { checkWorkspace } from "./enforce-workspace.ts";
import type { Grant } from "./machine.ts";
import { brief, machine, type Turn } from "./turn.ts";
import type { Value } from "../air/value.ts";

interface CapQuestion {
  readonly effect: string;
  /** Canonical normalised params. */
  readonly params: Uint8Array;
  readonly origin: { readonly kind: "plan" | "reducer"; readonly name: string };
}

/** Asks the grant's enforcer. An enforcer that traps, or is not there, denies. */
export function askEnforcer(turn: Turn, grant: Grant, question: CapQuestion): CapCheck {
  switch (grant.enforcer) {
    case "sys/CapAllowAll@1":
      return { ok: true };
    case "sys/CapEnforceHttpOut@1":
      return question.effect === "http.request" ? checkHttp(grant.paramsValue, requestOf(decode(question.params))) : mismatch(question.effect);
    case "sys/CapEnforceLlmBasic@1":
      return question.effect === "llm.generate" ? checkLlm(grant.paramsValue, decode(question.params)) : mismatch(question.effect);
    case "sys/CapEnforceWorkspace@1":
      return checkWorkspace(grant.paramsValue, { effect: question.effect, params: decode(question.params) });
    case "sys/CapEnforceGovernance@1":
      return checkGovernance(grant.paramsValue, { effect: question.effect, params: decode(question.params) });
    default:
      return askModule(turn, grant, question);
  }
}

function askModule(turn: Turn, grant: Grant, question: CapQuestion): CapCheck {
  const module = machine(turn).control.modules.get(grant.enforcer);
  const pure = module?.abi.pure;
  if (module === undefined || pure === undefined || !turn.deps.modules.has(module.wasm_hash)) {
    return failed(`${grant.enforcer}: the enforcer is not among the manifest's pure modules`);
  }
  const input = canonical({
    cap_def: grant.cap, grant_name: grant.name, cap_params: grant.params, effect_kind: question.effect, effect_params: question.params,
    origin: { ...question.origin }, logical_now_ns: turn.stamp.logical_ns,
  });
  const ctx = pure.context === undefined ? {} : {
    ctx: pureContext({ logicalNowNs: turn.stamp.logical_ns, height: turn.world.nextSeq, manifestHash: machine(turn).control.manifestHash, module: module.name }),
  };
  const result = turn.deps.modules.call({ wasmHash: module.wasm_hash, entry: "run", input: encodePureInput({ input, ...ctx }), fuelLimit: LIMITS.fuelPerCall });
  if (result.kind === "failed") return failed(`${grant.enforcer}: ${result.code}: ${result.message}`);
  try {
    return readVerdict(decode(decodePureOutput(result.output)));
  } catch (error) {
    if (error instanceof AosError) return failed(`${grant.enforcer}: ${error.message}`);
    throw error;
  }
}

function readVerdict(value: Value): CapCheck {
  if (!(value instanceof Map)) return failed("the enforcer's answer is not a record");
  if (value.get("constraints_ok") === true) return { ok: true };
  const deny: unknown = value.get("deny");
  const [code, message] = deny instanceof Map ? [deny.get("code"), deny.get("message")] : [undefined, undefined];
  return { ok: false, code: typeof code === "string" ? brief(code) : "constraints_failed", message: typeof message === "string" ? brief(message) : "" };
}

function requestOf(params: Value): { readonly method: string; readonly url: string } {
  const read = (field: string): string => {
    const value = params instanceof Map ? params.get(field) : undefined;
    if (typeof value !== "string") throw new AosError("effect.params", `http.request: ${field} must be text`);
    return value;
  };
  return { method: read("method"), url: read("url") };
}

function mismatch(effect: string): CapCheck {
  return { ok: false, code: "effect_kind_mismatch", message: `the enforcer does not judge ${effect}` };
}

function failed(message: string): CapCheck {
  return { ok: false, code: "enforcer_error", message: brief(message) };
}
