// What a grant of `llm.basic` lets through.

import type { Value } from "../air/value.ts";
import { ADMITTED, limitOf, refused } from "./cap-check.ts";
import type { CapCheck } from "./cap-check.ts";

/**
 * Does a grant of `llm.basic` admit a call?
 *
 * `capParams` are normalised params like those of `sys/llm.basic@1`: `providers`, `models`, `max_tokens`, `tools_allow`.
 * An absent or null limit does not restrict; an empty list admits nothing. `params` are those of
 * `sys/LlmGenerateParams@1`. Names are compared whole, letter case included. `tools_allow` judges the tool that
 * `tool_choice` forces; when it is empty, offering tools or demanding one is refused too. The tools behind `tool_refs`
 * are blobs: whoever reads them asks {@link allowsTool}.
 *
 * Codes, in the order of the checks: `provider_not_allowed`, `model_not_allowed`, `max_tokens_exceeded`,
 * `tool_not_allowed`; `cap_params_invalid`, `effect_params_invalid` for params of another shape.
 */
export function checkLlm(capParams: Value, params: Value): CapCheck {
  const providers = limitOf(capParams, "providers", "text");
  const models = limitOf(capParams, "models", "text");
  const tools = limitOf(capParams, "tools_allow", "text");
  const tokensMax = natOrNull(field(capParams, "max_tokens"));
  if (providers === "invalid" || models === "invalid" || tools === "invalid" || tokensMax === "invalid") {
    return refused("cap_params_invalid", "the grant's params are not those of llm.basic");
  }
  const call = readCall(params);
  if (call === undefined) return refused("effect_params_invalid", "the params are not those of llm.generate");
  if (providers !== "unrestricted" && !providers.includes(call.provider)) {
    return refused("provider_not_allowed", `the grant does not name the provider ${JSON.stringify(call.provider)}`);
  }
  if (models !== "unrestricted" && !models.includes(call.model)) {
    return refused("model_not_allowed", `the grant does not name the model ${JSON.stringify(call.model)}`);
  }
  if (tokensMax !== null && call.maxTokens > tokensMax) {
    return refused("max_tokens_exceeded", `max_tokens is ${call.maxTokens}, the grant allows ${tokensMax}`);
  }
  if (tools === "unrestricted") return ADMITTED;
  if (call.forcedTool !== undefined && !tools.includes(call.forcedTool)) {
    return refused("tool_not_allowed", `the grant does not name the tool ${JSON.stringify(call.forcedTool)}`);
  }
  if (tools.length === 0 && call.wantsTools) return refused("tool_not_allowed", "the grant names no tool");
  return ADMITTED;
}

/** Whether a grant's `tools_allow` admits a tool of this name. */
export function allowsTool(capParams: Value, tool: string): boolean {
  const tools = limitOf(capParams, "tools_allow", "text");
  return tools === "unrestricted" || (tools !== "invalid" && tools.includes(tool));
}

interface Call {
  readonly provider: string;
  readonly model: string;
  readonly maxTokens: number | bigint;
  readonly forcedTool: string | undefined;
  readonly wantsTools: boolean;
}

function readCall(params: Value): Call | undefined {
  const provider = field(params, "provider");
  const model = field(params, "model");
  const maxTokens = natOrNull(field(params, "max_tokens"));
  const refs = field(params, "tool_refs");
  const choice = readChoice(field(params, "tool_choice"));
  if (typeof provider !== "string" || typeof model !== "string") return undefined;
  if (maxTokens === null || maxTokens === "invalid" || choice === "invalid") return undefined;
  const forcedTool = choice.tag === "Tool" ? choice.name : undefined;
  const offersTools = Array.isArray(refs) && refs.length > 0;
  return { provider, model, maxTokens, forcedTool, wantsTools: offersTools || choice.tag === "Required" };
}

type Choice = { readonly tag: string; readonly name?: undefined } | { readonly tag: "Tool"; readonly name: string };

function readChoice(value: Value): Choice | "invalid" {
  if (value === null) return { tag: "Auto" };
  const tag = field(value, "$tag");
  if (typeof tag !== "string") return "invalid";
  if (tag !== "Tool") return { tag };
  const name = field(field(value, "$value"), "name");
  return typeof name === "string" ? { tag, name } : "invalid";
}

function field(value: Value, name: string): Value {
  const found: Value | undefined = value instanceof Map ? value.get(name) : undefined;
  return found ?? null;
}

function natOrNull(value: Value): number | bigint | null | "invalid" {
  if (value === null) return null;
  return typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value)) ? value : "invalid";
}
