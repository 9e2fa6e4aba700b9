// 07: a plan fetches a page and has a model summarize it; the key of the model's service never gets into the world.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashBytes, utf8 } from "@agentos/kernel";
import { llmServer, summarize, type LlmServer } from "@agentos/kernel/testing";
import { ofKind, type Example, type ExampleWorld } from "./example.ts";
import { ORIGIN, serveLoopback } from "./loopback.ts";

const REDUCER = "demo/LlmSummarizer@1";
const KEY = "demo-llm-api-key";
/** 112 characters: shorter than what the model cuts at. */
const STORY = "A lighthouse keeper logs each ship that passes. One night the log is lost, and every captain brings a copy back.";
/** 120 tokens in and 42 out cost 12 and 12.6 cents: rounded up, 25 cents, which are 250 thousandths. */
const PRICES = { "mock-summarizer": { promptCents: 100_000, completionCents: 300_000 } };

export const llmSummarizer: Example = {
  number: "07",
  slug: "llm-summarizer",
  title: "Summary by a model",
  summary: "a plan fetches a page and passes it to a model; two grants, and a key that only the request itself carries",
  reducer: REDUCER,
  async begin() {
    const [pages, model] = [await serveLoopback(() => ({ status: 200, body: STORY })), await llmServer({ answer: summarize, key: KEY })];
    const llm = { providers: { mock: { protocol: "openai-chat", baseUrl: `${model.url}/v1`, prices: PRICES } } };
    return {
      settings: { origins: pages.origins, llm, secrets: { LLM_API_KEY: KEY } },
      run: (world) => summarizePage(world, model),
      end: async () => void (await Promise.all([pages.close(), model.close()])),
    };
  },
};

async function summarizePage(world: ExampleWorld, model: LlmServer): Promise<void> {
  const made = await world.send("demo/SummarizerEvent@1", { $tag: "Start", $value: { url: `${ORIGIN}/story.txt` } });
  assert.deepEqual(ofKind(made, "intent").map(({ effect, cap, rule }) => [effect, cap, rule]), [["http.request", "cap_http_fetch", 0], ["llm.generate", "cap_llm", 1], ["blob.get", "blob_grant", 2]]);
  world.say(`fetched ${STORY.length} characters`);
  assert.deepEqual(model.requests.map(({ protocol, model: name, userText, headers }) => [protocol, name, userText, headers.authorization]), [["openai-chat", "mock-summarizer", STORY, `Bearer ${KEY}`]]);
  const [, answer] = ofKind(made, "receipt");
  assert.deepEqual([answer?.status, answer?.cost_cents], ["ok", 25]);
  world.say("the model was asked once, with the key; 120 tokens in, 42 out, 25 cents");

  const summary = `${STORY} …${hashBytes(utf8(STORY)).slice("sha256:".length).slice(0, 8)}`;
  assert.deepEqual(world.state(REDUCER).json, {
    pc: { $tag: "Done" }, next_request_id: 1, pending_request: null, last_summary: summary, last_tokens_prompt: 120, last_tokens_completion: 42, last_cost_millis: 250,
  });
  const written = await filesBelow(dirname(world.folder));
  assert.ok(written.some((bytes) => bytes.includes("llm/api")), "what refers to the key is written down");
  assert.ok(written.every((bytes) => !bytes.includes(KEY)), "the key is not");
  world.say(`the key is in none of the ${written.length} files of the world`);
  world.say(`final state: pc=Done, summary ${summary}`);
}

/** Everything that was written: the world's files, its journal and its blobs. */
async function filesBelow(folder: string): Promise<readonly Buffer[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))));
}
