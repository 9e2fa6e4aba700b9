// A small world that uses most of the language, for tests that change one thing and look at what follows.

import { assert } from "./error.ts";
import { loadFiles } from "./load.ts";
import type { ControlPlane } from "./types.ts";
import type { Hash } from "./value.ts";

/** A change of a fixture: the value at a pointer of a file. Without a value it is removed; a last segment `-` appends to a list. */
export interface Edit {
  readonly file: string;
  readonly pointer: string;
  readonly value?: unknown;
}

/** The fixture's files, short for tables of edits; `NEW` is none of them. */
export const M = "air/manifest.json";
export const S = "air/schemas.json";
export const MOD = "air/modules.json";
export const P = "air/fetch.json";
export const C = "air/caps.json";
export const E = "air/effect.json";
export const POL = "air/policy.json";
export const SEC = "air/secret.json";
export const NEW = "air/zone.json";

export function set(file: string, pointer: string, value: unknown): Edit {
  return { file, pointer, value };
}

export function drop(file: string, pointer: string): Edit {
  return { file, pointer };
}

/** A grant more. */
export function grant(name: string, cap: string, record: unknown = {}): Edit {
  return set(M, "/defaults/cap_grants/-", { name, cap, params: { record } });
}

/** A hash of one digit. */
export function codeHash(digit: string): Hash {
  return `sha256:${digit.repeat(64)}` as Hash;
}

const schema = (name: string, type: unknown): unknown => ({ $kind: "defschema", name, type });
const ref = (name: string): unknown => ({ ref: name });
const TEXT = { text: {} };
const NAT = { nat: {} };
const INT = { int: {} };

const MODULES: readonly unknown[] = [
  {
    $kind: "defmodule", name: "demo/Job@1", module_kind: "reducer", key_schema: "demo/Key@1",
    abi: {
      reducer: {
        state: "demo/State@1", event: "demo/Event@1", context: "sys/ReducerContext@1", effects_emitted: ["timer.set"], cap_slots: { timer: "timer" },
      },
    },
  },
  {
    $kind: "defmodule", name: "demo/Enforce@1", module_kind: "pure",
    abi: { pure: { input: "sys/CapCheckInput@1", output: "sys/CapCheckOutput@1" } },
  },
  { $kind: "defmodule", name: "demo/Log@1", module_kind: "reducer", abi: { reducer: { state: "demo/State@1", event: "demo/Done@1" } } },
];

const PLAN: unknown = {
  $kind: "defplan", name: "demo/fetch@1", input: "demo/Start@1", output: "demo/Result@1", locals: { status: "demo/Status@1" },
  steps: [
    {
      id: "get", op: "emit_effect", kind: "http.request", cap: "http_grant", bind: { effect_id_as: "request" },
      params: { record: { method: { text: "GET" }, url: { ref: "@plan.input.url" }, headers: { map: [] }, body_ref: { null: {} } } },
    },
    { id: "wait", op: "await_receipt", for: { ref: "@var:request" }, bind: { as: "response", status_as: "outcome" } },
    { id: "status", op: "assign", expr: { op: "get", args: [{ ref: "@var:response" }, { text: "status" }] }, bind: { as: "status" } },
    {
      id: "ack", op: "await_event", event: "demo/Done@1", bind: { as: "done" },
      where: { op: "eq", args: [{ ref: "@event.id" }, { ref: "@var:correlation_id" }] },
    },
    {
      id: "mail", op: "emit_effect", kind: "mail.send", cap: "mail_grant", bind: { effect_id_as: "letter" },
      params: { to: "ops@example.com", token: { secret: { alias: "demo/token", version: 1 } } },
    },
    { id: "raise", op: "raise_event", event: "demo/Done@1", value: { record: { id: { ref: "@plan.input.id" }, status: { ref: "@var:status" } } } },
    { id: "end", op: "end", result: { record: { status: { ref: "@var:status" } } } },
  ],
  edges: [
    { from: "get", to: "wait" },
    { from: "wait", to: "status", when: { op: "eq", args: [{ ref: "@var:outcome" }, { text: "ok" }] } },
    { from: "status", to: "ack" },
    { from: "ack", to: "mail" },
    { from: "mail", to: "raise" },
    { from: "raise", to: "end" },
  ],
  invariants: [{ op: "ne", args: [{ ref: "@plan.input.id" }, { text: "" }] }],
};

const MANIFEST: unknown = {
  $kind: "manifest",
  air_version: "1",
  schemas: ["Key", "Status", "State", "Start", "Done", "Event", "Result", "MailParams", "MailReceipt"].map((name) => ({ name: `demo/${name}@1` })),
  modules: [{ name: "demo/Job@1" }, { name: "demo/Enforce@1" }, { name: "demo/Log@1" }],
  plans: [{ name: "demo/fetch@1" }],
  caps: [{ name: "demo/http@1" }, { name: "demo/mail@1" }],
  policies: [{ name: "demo/policy@1" }],
  effects: [{ name: "demo/mail.send@1" }],
  secrets: [{ name: "demo/token@1" }],
  defaults: {
    policy: "demo/policy@1",
    cap_grants: [
      { name: "http_grant", cap: "demo/http@1", params: { record: { hosts: { set: [{ text: "example.com" }] }, methods: { set: [{ text: "GET" }] }, max: { nat: 5 } } }, expiry_ns: 1000 },
      { name: "mail_grant", cap: "demo/mail@1", params: { record: {} } },
      { name: "timer_grant", cap: "sys/timer@1", params: { record: {} } },
    ],
  },
  module_bindings: { "demo/Job@1": { slots: { timer: "timer_grant" } } },
  routing: {
    events: [
      { event: "demo/Event@1", reducer: "demo/Job@1", key_field: "$value.id" },
      { event: "sys/TimerFired@1", reducer: "demo/Job@1" },
      { event: "demo/Done@1", reducer: "demo/Log@1" },
    ],
  },
  triggers: [{ event: "demo/Start@1", plan: "demo/fetch@1", correlate_by: "id" }],
};

const FILES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["air/manifest.json", MANIFEST],
  ["air/schemas.json", [
    schema("demo/Key@1", TEXT),
    schema("demo/Status@1", INT),
    schema("demo/State@1", { record: { count: NAT, tags: { set: TEXT }, last: { option: INT } } }),
    schema("demo/Start@1", { record: { id: TEXT, url: TEXT, extra: { map: { key: TEXT, value: INT } } } }),
    schema("demo/Done@1", { record: { id: TEXT, status: INT } }),
    schema("demo/Event@1", { variant: { Start: ref("demo/Start@1"), Done: ref("demo/Done@1"), Fired: ref("sys/TimerFired@1") } }),
    schema("demo/Result@1", { record: { status: INT } }),
    schema("demo/MailParams@1", { record: { to: TEXT, token: ref("sys/TextOrSecretRef@1") } }),
    schema("demo/MailReceipt@1", { record: { id: TEXT } }),
  ]],
  ["air/modules.json", MODULES],
  ["air/fetch.json", PLAN],
  ["air/caps.json", [
    {
      $kind: "defcap", name: "demo/http@1", cap_type: "http.out", enforcer: { module: "demo/Enforce@1" },
      schema: { record: { hosts: { option: { set: TEXT } }, methods: { option: { set: TEXT } }, max: { option: NAT } } },
    },
    { $kind: "defcap", name: "demo/mail@1", cap_type: "mail.out", schema: { record: {} } },
  ]],
  ["air/effect.json", {
    $kind: "defeffect", name: "demo/mail.send@1", kind: "mail.send", params_schema: "demo/MailParams@1", receipt_schema: "demo/MailReceipt@1",
    cap_type: "mail.out", origin_scope: "plan",
  }],
  ["air/policy.json", {
    $kind: "defpolicy", name: "demo/policy@1",
    rules: [
      { when: { effect_kind: "http.request", cap_name: "http_grant", origin_kind: "plan", origin_name: "demo/fetch@1" }, decision: "allow" },
      { when: { effect_kind: "mail.send", cap_type: "mail.out" }, decision: "allow" },
      { when: { effect_kind: "timer.set", origin_kind: "reducer", origin_name: "demo/Job@1" }, decision: "allow" },
      { when: {}, decision: "deny" },
    ],
  }],
  ["air/secret.json", { $kind: "defsecret", name: "demo/token@1", binding_id: "env:TOKEN", allowed_caps: ["mail_grant"], allowed_plans: ["demo/fetch@1"] }],
]);

/** Code of the fixture's modules. */
export const FIXTURE_CODE: ReadonlyMap<string, Hash> = new Map(
  ["demo/Job@1", "demo/Enforce@1", "demo/Log@1", "demo/New@1"].map((name, index) => [name, `sha256:${String(index + 1).repeat(64)}` as Hash]),
);

/** The fixture's control plane, changed; `code` replaces code of modules. The change must leave it without an error. */
export function fixtureControl(edits: readonly Edit[] = [], code: ReadonlyMap<string, Hash> = new Map()): ControlPlane {
  const { control, diagnostics } = loadFiles(fixtureFiles(edits), { moduleHashes: new Map([...FIXTURE_CODE, ...code]) });
  const errors = diagnostics.filter(({ severity }) => severity === "error").map((one) => `${one.code} ${one.file}${one.pointer}: ${one.message}`);
  assert(control !== undefined, `the fixture loads: ${errors.join("; ")}`);
  return control;
}

/** The files of the fixture, changed. A file named in an edit that does not exist begins as an empty list. */
export function fixtureFiles(edits: readonly Edit[] = []): readonly { readonly path: string; readonly text: string }[] {
  const files = new Map([...FILES].map(([path, tree]) => [path, structuredClone(tree)]));
  for (const edit of edits) files.set(edit.file, applied(files.get(edit.file) ?? [], edit.pointer.split("/").slice(1), edit));
  return [...files].map(([path, tree]) => ({ path, text: JSON.stringify(tree, null, 2) }));
}

function applied(tree: unknown, path: readonly string[], edit: Edit): unknown {
  const [segment, ...rest] = path;
  if (segment === undefined) return edit.value;
  const key = segment.replaceAll("~1", "/").replaceAll("~0", "~");
  if (Array.isArray(tree)) {
    if (key === "-") return [...(tree as readonly unknown[]), edit.value];
    if (rest.length === 0 && !("value" in edit)) return (tree as readonly unknown[]).toSpliced(Number(key), 1);
    return (tree as readonly unknown[]).with(Number(key), applied(tree[Number(key)], rest, edit));
  }
  const fields = tree as Readonly<Record<string, unknown>>;
  if (rest.length === 0 && !("value" in edit)) return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== key));
  return { ...fields, [key]: applied(fields[key] ?? (rest[0] === "-" ? [] : {}), rest, edit) };
}

/** Every pointer of a document but the root. */
export function pointersOf(tree: unknown, at = ""): readonly string[] {
  if (typeof tree !== "object" || tree === null) return [];
  return Object.entries(tree).flatMap(([key, inner]) => {
    const pointer = `${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return [pointer, ...pointersOf(inner, pointer)];
  });
}
