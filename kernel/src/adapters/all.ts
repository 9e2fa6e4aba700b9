// The adapters a host has. A new one is a file and a line here.

import { blobAdapter } from "./blob.ts";
import type { AdapterEnv, AdapterFactory } from "./env.ts";
import { governanceAdapter } from "./governance.ts";
import { httpAdapter } from "./http.ts";
import { llmAdapter } from "./llm/llm.ts";
import { introspectAdapter } from "./introspect.ts";
import { timerAdapter } from "./timer.ts";
import { vaultAdapter } from "./vault-effects.ts";
import { workspaceAdapter } from "./workspace.ts";
import type { Adapter } from "../ports.ts";

/** By the name that receipts carry. No two carry out the same effect. */
export const ADAPTERS: Readonly<Record<string, AdapterFactory>> = {
  blob: blobAdapter,
  http: ({ blobs, clock, config }) => httpAdapter({ blobs, clock }, config.http),
  llm: (env) => llmAdapter(env, env.config.llm),
  governance: governanceAdapter,
  introspect: introspectAdapter,
  timer: timerAdapter,
  vault: vaultAdapter,
  workspace: workspaceAdapter,
};

/** Makes all of them. @throws AosError `llm.config` and the like, where the configuration is not one */
export function allAdapters(env: AdapterEnv): readonly Adapter[] {
  return Object.values(ADAPTERS).map((make) => make(env));
}
