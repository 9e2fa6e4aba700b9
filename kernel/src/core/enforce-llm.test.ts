import assert from "node:assert/strict";
import { test } from "node:test";
import type { Value } from "../air/value.ts";
import { allowsTool, checkLlm } from "./enforce-llm.ts";

function record(fields: Readonly<Record<string, Value>>): Value {
  return new Map<Value, Value>(Object.entries(fields));
}

function grant(limits: Readonly<Record<string, Value>>): Value {
  return record({ providers: null, models: null, max_tokens: null, tools_allow: null, ...limits });
}

const HASH = `sha256:${"0".repeat(64)}`;
function params(fields: Readonly<Record<string, Value>> = {}): Value {
  return record({
    provider: "openai-chat", model: "m1", temperature: "0", max_tokens: 100, message_refs: [HASH], tool_refs: null, tool_choice: null, api_key: null, ...fields,
  });
}
const force = (name: Value): Value => record({ $tag: "Tool", $value: record({ name }) });

const rows: readonly (readonly [what: string, capParams: Value, params: Value, answer: string])[] = [
  ["no limits", grant({}), params({ tool_choice: force("search"), tool_refs: [HASH] }), "ok"],
  ["no limits, absent", new Map(), params(), "ok"],
  ["all limits kept", grant({ providers: ["openai-chat"], models: ["m0", "m1"], max_tokens: 100, tools_allow: ["search"] }), params({ tool_choice: force("search") }), "ok"],
  ["another provider", grant({ providers: ["anthropic"] }), params(), "provider_not_allowed"],
  ["provider in another case", grant({ providers: ["OpenAI-chat"] }), params(), "provider_not_allowed"],
  ["no provider", grant({ providers: [] }), params(), "provider_not_allowed"],
  ["another model", grant({ models: ["m2"] }), params(), "model_not_allowed"],
  ["a model that begins alike", grant({ models: ["m1-large", "m"] }), params(), "model_not_allowed"],
  ["no model", grant({ models: [] }), params(), "model_not_allowed"],
  ["one token too many", grant({ max_tokens: 99 }), params(), "max_tokens_exceeded"],
  ["no tokens", grant({ max_tokens: 0 }), params({ max_tokens: 0 }), "ok"],
  ["more tokens than a safe integer", grant({ max_tokens: 9007199254740993n }), params({ max_tokens: 9007199254740994n }), "max_tokens_exceeded"],
  ["another tool forced", grant({ tools_allow: ["search"] }), params({ tool_choice: force("shell") }), "tool_not_allowed"],
  ["tools offered, some allowed", grant({ tools_allow: ["search"] }), params({ tool_refs: [HASH], tool_choice: record({ $tag: "Auto" }) }), "ok"],
  ["tools offered, none allowed", grant({ tools_allow: [] }), params({ tool_refs: [HASH] }), "tool_not_allowed"],
  ["a tool demanded, none allowed", grant({ tools_allow: [] }), params({ tool_choice: record({ $tag: "Required", $value: null }) }), "tool_not_allowed"],
  ["a tool forced, none allowed", grant({ tools_allow: [] }), params({ tool_choice: force("search") }), "tool_not_allowed"],
  ["no tools, none allowed", grant({ tools_allow: [] }), params({ tool_refs: [], tool_choice: record({ $tag: "None" }) }), "ok"],
  ["several limits broken: the first check answers", grant({ providers: [], models: [], max_tokens: 0, tools_allow: [] }), params(), "provider_not_allowed"],
  ["grant that is no record", null, params(), "cap_params_invalid"],
  ["grant of another shape", grant({ models: "m1" }), params(), "cap_params_invalid"],
  ["limit that is no number", grant({ max_tokens: "100" }), params(), "cap_params_invalid"],
  ["params that are no record", grant({}), null, "effect_params_invalid"],
  ["params without a model", grant({}), params({ model: null }), "effect_params_invalid"],
  ["params without a token limit", grant({ max_tokens: 5 }), params({ max_tokens: null }), "effect_params_invalid"],
  ["a tool choice of no kind", grant({}), params({ tool_choice: "Auto" }), "effect_params_invalid"],
  ["a forced tool without a name", grant({}), params({ tool_choice: force(null) }), "effect_params_invalid"],
];
assert.equal(rows.length, 27);
for (const [what, capParams, call, expected] of rows) {
  test(`enforce llm: ${what}: ${expected}`, () => {
    const check = checkLlm(capParams, call);
    assert.equal(check.ok ? "ok" : check.code, expected);
  });
}

test("enforce llm: a tool by its name: admitted when the list holds it, or when there is none", () => {
  const names: readonly (readonly [Value, boolean])[] = [[grant({}), true], [grant({ tools_allow: ["search"] }), true], [grant({ tools_allow: ["shell"] }), false], [grant({ tools_allow: [] }), false], [null, false]];
  for (const [capParams, expected] of names) assert.equal(allowsTool(capParams, "search"), expected);
  assert.equal(names.length, 5);
});
