import { utf8 } from "../../air/hash.ts";
import { adapterContract, type ContractCall, type ContractEnv } from "../../testing/adapter-contract.ts";
import { llmListener, summarize, type LlmServerProtocol } from "../../testing/llm-server.ts";
import { llmAdapter } from "./llm.ts";

const PROTOCOLS: readonly LlmServerProtocol[] = ["openai-chat", "openai-responses", "anthropic"];

function config(env: ContractEnv, protocol: LlmServerProtocol): unknown {
  return { bodyBytesMax: 256 * 1024, providers: { local: { protocol, baseUrl: protocol === "anthropic" ? env.url : `${env.url}/v1` } } };
}

async function calls(env: ContractEnv): Promise<Readonly<Record<string, ContractCall>>> {
  const text = await env.blobs.put(utf8("A short story."));
  const tool = await env.blobs.put(utf8('{"name":"now","parameters":{"type":"object"}}'));
  const params = { provider: "local", model: "m", temperature: "0", max_tokens: 512, message_refs: [text], tool_refs: null, tool_choice: null, api_key: env.canary };
  return {
    "a text": { effect: "llm.generate", params },
    "a text with tools": { effect: "llm.generate", params: { ...params, tool_refs: [tool], tool_choice: { $tag: "Auto" } }, capParams: { tools_allow: ["now"] } },
  };
}

for (const protocol of PROTOCOLS) {
  adapterContract({ name: `llm ${protocol}`, calls, answer: llmListener({ answer: summarize }), make: (env) => llmAdapter(env, config(env, protocol)) });
  adapterContract({
    name: `llm ${protocol} streamed`, calls, answer: llmListener({ answer: summarize }),
    make(env) {
      const adapter = llmAdapter(env, config(env, protocol));
      return { ...adapter, run: (call) => adapter.run({ ...call, progress: () => undefined }) };
    },
  });
}
