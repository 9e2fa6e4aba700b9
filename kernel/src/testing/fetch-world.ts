// A small world for tests: a reducer counts, a plan fetches and reports back. Each part can be replaced.

import type { Hash, Value } from "../air/value.ts";
import { nativeModules, type NativeModules, type NativeReducer } from "./native-modules.ts";

const ref = (name: string): unknown => ({ name });
const record = (fields: Record<string, unknown>): unknown => ({ record: fields });
const schema = (name: string, type: unknown): unknown => ({ $kind: "defschema", name, type });
const text = { text: {} };
const int = { int: {} };
const nat = { nat: {} };

export interface FetchWorldOptions {
  /** Steps and edges of the plan `demo/fetch@1`; by default fetch, then raise `demo/Done@1`. */
  readonly steps?: readonly unknown[];
  readonly edges?: readonly unknown[];
  /** More nodes, and names the manifest lists beside its own. */
  readonly nodes?: readonly unknown[];
  readonly policyRules?: readonly unknown[];
  readonly hosts?: readonly string[];
  readonly plan?: Record<string, unknown>;
  readonly manifest?: Record<string, unknown>;
}

export const FETCH_STEPS: readonly unknown[] = [
  {
    id: "get", op: "emit_effect", kind: "http.request", cap: "http",
    params: { record: { method: { text: "GET" }, url: { ref: "@plan.input.url" }, headers: { map: [] }, body_ref: { null: {} } } }, bind: { effect_id_as: "req" },
  },
  { id: "wait", op: "await_receipt", for: { ref: "@var:req" }, bind: { as: "answer" } },
  { id: "tell", op: "raise_event", event: "demo/Done@1", value: { record: { url: { ref: "@plan.input.url" }, status: { ref: "@var:answer.status" } } } },
  { id: "end", op: "end", result: { record: { url: { ref: "@plan.input.url" }, status: { ref: "@var:answer.status" } } } },
];
export const FETCH_EDGES: readonly unknown[] = [{ from: "get", to: "wait" }, { from: "wait", to: "tell" }, { from: "tell", to: "end" }];

/** AIR of the world: `demo/Event@1` = Start(demo/Start@1) | Done(demo/Done@1) goes to `demo/Counter@1`, which asks with `demo/Fetch@1`. */
export function fetchWorld(options: FetchWorldOptions = {}): readonly unknown[] {
  return [
    schema("demo/Start@1", record({ url: text })),
    schema("demo/Fetch@1", record({ url: text })),
    schema("demo/Done@1", record({ url: text, status: int })),
    schema("demo/Event@1", { variant: { Start: { ref: "demo/Start@1" }, Done: { ref: "demo/Done@1" } } }),
    schema("demo/State@1", record({ starts: nat, last: { option: int } })),
    {
      $kind: "defmodule", name: "demo/Counter@1", module_kind: "reducer",
      abi: { reducer: { state: "demo/State@1", event: "demo/Event@1", context: "sys/ReducerContext@1", effects_emitted: [], cap_slots: {} } },
    },
    {
      $kind: "defplan", name: "demo/fetch@1", input: "demo/Fetch@1", output: "demo/Done@1", steps: options.steps ?? FETCH_STEPS, edges: options.edges ?? FETCH_EDGES,
      ...options.plan,
    },
    { $kind: "defpolicy", name: "demo/policy@1", rules: options.policyRules ?? [{ when: { effect_kind: "http.request", origin_kind: "plan" }, decision: "allow" }] },
    ...(options.nodes ?? []),
    {
      $kind: "manifest", air_version: "1",
      schemas: ["demo/Start@1", "demo/Fetch@1", "demo/Done@1", "demo/Event@1", "demo/State@1"].map(ref),
      modules: [ref("demo/Counter@1"), ref("sys/CapEnforceHttpOut@1")], plans: [ref("demo/fetch@1")], effects: [ref("sys/http.request@1")],
      caps: [ref("sys/http.out@1")], policies: [ref("demo/policy@1")],
      defaults: { policy: "demo/policy@1", cap_grants: [{ name: "http", cap: "sys/http.out@1", params: { record: { hosts: { set: (options.hosts ?? ["example.com"]).map((host) => ({ text: host })) } } } }] },
      routing: { events: [{ event: "demo/Event@1", reducer: "demo/Counter@1" }] },
      triggers: [{ event: "demo/Fetch@1", plan: "demo/fetch@1" }],
      ...options.manifest,
    },
  ];
}

export interface FetchModules {
  readonly modules: NativeModules;
  readonly artifacts: readonly Uint8Array[];
  readonly moduleHashes: ReadonlyMap<string, Hash>;
}

/** The reducer: Start counts and asks for a fetch, Done keeps the status. */
export const countAndFetch: NativeReducer = (state, event) => {
  const [tag, value] = armOf(event);
  const starts = Number(fieldOf(state, "starts") ?? 0);
  const last = fieldOf(state, "last") ?? null;
  if (tag === "Start") return { state: { starts: starts + 1, last }, events: [{ schema: "demo/Fetch@1", value: { url: fieldOf(value, "url") ?? "" } }] };
  return { state: { starts, last: fieldOf(value, "status") ?? null } };
};

export function fetchModules(reduce: NativeReducer = countAndFetch): FetchModules {
  const modules = nativeModules();
  const counter = modules.define("demo/Counter@1", reduce);
  return { modules, artifacts: [counter.artifact], moduleHashes: new Map([["demo/Counter@1", counter.hash]]) };
}

export function fieldOf(value: Value, field: string): Value | undefined {
  return value instanceof Map ? (value as ReadonlyMap<Value, Value>).get(field) : undefined;
}

/** Tag and value of a variant. */
export function armOf(value: Value): readonly [string, Value] {
  return [String(fieldOf(value, "$tag")), fieldOf(value, "$value") ?? null];
}

