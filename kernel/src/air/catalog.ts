// The builtin definitions `sys/*`: schemas, effects, capabilities and modules that every world has.

import { SCHEMAS } from "./catalog-schemas.ts";
import { assert } from "./error.ts";
import { ZERO_HASH } from "./hash.ts";
import { bareHash } from "./serialize.ts";
import type { DefCap, DefEffect, DefModule, DefSchema, KeyTypeName, OriginScope, PrimitiveName, TypeExpr } from "./types.ts";
import type { Hash, Name } from "./value.ts";

/** Kind, params schema and receipt schema (both `sys/…@1`), capability type, who may emit it. */
const EFFECTS: readonly (readonly [kind: string, params: string, receipt: string, capType: string, scope: OriginScope])[] = [
  ["http.request", "HttpRequestParams", "HttpRequestReceipt", "http.out", "plan"],
  ["blob.put", "BlobPutParams", "BlobPutReceipt", "blob", "both"],
  ["blob.get", "BlobGetParams", "BlobGetReceipt", "blob", "reducer"],
  ["timer.set", "TimerSetParams", "TimerSetReceipt", "timer", "reducer"],
  ["llm.generate", "LlmGenerateParams", "LlmGenerateReceipt", "llm.basic", "plan"],
  ["vault.put", "VaultPutParams", "VaultPutReceipt", "secret", "plan"],
  ["vault.rotate", "VaultRotateParams", "VaultRotateReceipt", "secret", "plan"],
  ["governance.propose", "GovProposeParams", "GovProposeReceipt", "governance", "plan"],
  ["governance.shadow", "GovShadowParams", "GovShadowReceipt", "governance", "plan"],
  ["governance.approve", "GovApproveParams", "GovApproveReceipt", "governance", "plan"],
  ["governance.apply", "GovApplyParams", "GovApplyReceipt", "governance", "plan"],
  ["workspace.resolve", "WorkspaceResolveParams", "WorkspaceResolveReceipt", "workspace", "plan"],
  ["workspace.empty_root", "WorkspaceEmptyRootParams", "WorkspaceEmptyRootReceipt", "workspace", "plan"],
  ["workspace.list", "WorkspaceListParams", "WorkspaceListReceipt", "workspace", "plan"],
  ["workspace.read_ref", "WorkspaceReadRefParams", "WorkspaceReadRefReceipt", "workspace", "plan"],
  ["workspace.read_bytes", "WorkspaceReadBytesParams", "WorkspaceReadBytesReceipt", "workspace", "plan"],
  ["workspace.write_bytes", "WorkspaceWriteBytesParams", "WorkspaceWriteBytesReceipt", "workspace", "plan"],
  ["workspace.remove", "WorkspaceRemoveParams", "WorkspaceRemoveReceipt", "workspace", "plan"],
  ["workspace.diff", "WorkspaceDiffParams", "WorkspaceDiffReceipt", "workspace", "plan"],
  ["workspace.annotations_get", "WorkspaceAnnotationsGetParams", "WorkspaceAnnotationsGetReceipt", "workspace", "plan"],
  ["workspace.annotations_set", "WorkspaceAnnotationsSetParams", "WorkspaceAnnotationsSetReceipt", "workspace", "plan"],
  ["introspect.manifest", "IntrospectManifestParams", "IntrospectManifestReceipt", "query", "plan"],
  ["introspect.reducer_state", "IntrospectReducerStateParams", "IntrospectReducerStateReceipt", "query", "plan"],
  ["introspect.journal_head", "IntrospectJournalHeadParams", "IntrospectJournalHeadReceipt", "query", "plan"],
  ["introspect.list_cells", "IntrospectListCellsParams", "IntrospectListCellsReceipt", "query", "plan"],
];

/** Capability type (the name is `sys/<type>@1`), schema of the grant's params, enforcer. */
const CAPS: readonly (readonly [capType: string, schema: string, enforcer: string])[] = [
  ["query", "{scope: opt<text>}", "CapAllowAll"],
  ["timer", "{}", "CapAllowAll"],
  ["blob", "{namespaces: opt<set<text>>}", "CapAllowAll"],
  [
    "http.out",
    "{hosts: opt<set<text>>, schemes: opt<set<text>>, methods: opt<set<text>>, ports: opt<set<nat>>, path_prefixes: opt<set<text>>}",
    "CapEnforceHttpOut",
  ],
  [
    "llm.basic",
    "{providers: opt<set<text>>, models: opt<set<text>>, max_tokens: opt<nat>, tools_allow: opt<set<text>>}",
    "CapEnforceLlmBasic",
  ],
  ["secret", "{}", "CapAllowAll"],
  ["workspace", "{workspaces: opt<list<text>>, path_prefixes: opt<list<text>>, ops: opt<set<text>>}", "CapEnforceWorkspace"],
  [
    "governance",
    "{ops: opt<set<text>>, def_kinds: opt<set<text>>, name_prefixes: opt<set<text>>, manifest_sections: opt<set<text>>}",
    "CapEnforceGovernance",
  ],
];

const ENFORCERS = ["CapEnforceHttpOut", "CapEnforceLlmBasic", "CapEnforceGovernance", "CapEnforceWorkspace"];
const REDUCERS: readonly { readonly name: string; readonly key?: string; readonly state: string; readonly event: string }[] = [
  { name: "Workspace", key: "WorkspaceName", state: "WorkspaceHistory", event: "WorkspaceCommit" },
  { name: "HttpPublish", state: "HttpPublishRegistry", event: "HttpPublishSet" },
];

/** Schemas by name, in catalog order. */
export const BUILTIN_SCHEMAS: ReadonlyMap<string, DefSchema> = new Map(
  SCHEMAS.map(([name, type]) => [name, { kind: "defschema", name: name as Name, type: typeOf(type) }]),
);

/** Effects by kind (`http.request`), in catalog order. */
export const BUILTIN_EFFECTS: ReadonlyMap<string, DefEffect> = new Map(
  EFFECTS.map(([kind, params, receipt, capType, scope]) => [
    kind,
    {
      kind: "defeffect", name: sys(kind), effect: kind, params_schema: sys(params), receipt_schema: sys(receipt), cap_type: capType,
      origin_scope: scope,
    },
  ]),
);

/** Capabilities by name, in catalog order. */
export const BUILTIN_CAPS: ReadonlyMap<string, DefCap> = new Map(
  CAPS.map(([capType, schema, enforcer]) => [
    sys(capType),
    { kind: "defcap", name: sys(capType), cap_type: capType, schema: typeOf(schema), enforcer: { module: sys(enforcer) } },
  ]),
);

/** Modules by name, in catalog order; none has code, their `wasm_hash` is the zero hash. */
export const BUILTIN_MODULES: ReadonlyMap<string, DefModule> = new Map(
  [...ENFORCERS.map(enforcerOf), ...REDUCERS.map(reducerOf)].map((module) => [module.name, module]),
);

function sys(name: string): Name {
  return `sys/${name}@1` as Name;
}

function enforcerOf(name: string): DefModule {
  return {
    kind: "defmodule", name: sys(name), module_kind: "pure", wasm_hash: ZERO_HASH,
    abi: { pure: { input: sys("CapCheckInput"), output: sys("CapCheckOutput") } },
  };
}

function reducerOf(reducer: (typeof REDUCERS)[number]): DefModule {
  return {
    kind: "defmodule", name: sys(reducer.name), module_kind: "reducer", wasm_hash: ZERO_HASH,
    ...(reducer.key === undefined ? {} : { key_schema: sys(reducer.key) }),
    abi: { reducer: { state: sys(reducer.state), event: sys(reducer.event), context: sys("ReducerContext") } },
  };
}

const refHashes = new Map<string, Hash>();

/** Hash that a manifest's ref to a builtin definition carries, of the definition without `$kind`; undefined when no builtin has that name. */
export function builtinRefHash(kind: "defschema" | "defeffect" | "defcap" | "defmodule", name: string): Hash | undefined {
  const id = `${kind} ${name}`;
  const known = refHashes.get(id);
  if (known !== undefined) return known;
  const definition = builtin(kind, name);
  if (definition === undefined) return undefined;
  const hash = bareHash(definition);
  refHashes.set(id, hash);
  return hash;
}

function builtin(kind: "defschema" | "defeffect" | "defcap" | "defmodule", name: string): DefSchema | DefEffect | DefCap | DefModule | undefined {
  switch (kind) {
    case "defschema":
      return BUILTIN_SCHEMAS.get(name);
    case "defeffect":
      return [...BUILTIN_EFFECTS.values()].find((effect) => effect.name === name);
    case "defcap":
      return BUILTIN_CAPS.get(name);
    case "defmodule":
      return BUILTIN_MODULES.get(name);
  }
}

// --- the notation of types, see catalog-schemas.ts

interface Notation {
  readonly text: string;
  at: number;
}

function typeOf(text: string): TypeExpr {
  const notation: Notation = { text, at: 0 };
  const type = readType(notation);
  assert(notation.at === text.length, `the catalog is well written: ${text}`);
  return type;
}

function readType(notation: Notation): TypeExpr {
  if (take(notation, "{")) return { kind: "record", fields: readMembers(notation, { between: ",", close: "}" }) };
  if (take(notation, "<")) return { kind: "variant", arms: readMembers(notation, { between: "|", close: ">" }) };
  if (take(notation, "@")) return { kind: "ref", name: word(notation) as Name };
  const kind = word(notation);
  if (!take(notation, "<")) return { kind: kind as PrimitiveName };
  if (kind === "map") return readMap(notation);
  const item = readType(notation);
  expect(notation, ">");
  return { kind: kind === "opt" ? "option" : (kind as "list" | "set"), item };
}

function readMap(notation: Notation): TypeExpr {
  const key = word(notation) as KeyTypeName;
  expect(notation, ",");
  const value = readType(notation);
  expect(notation, ">");
  return { kind: "map", key, value };
}

function readMembers(notation: Notation, marks: { readonly between: string; readonly close: string }): ReadonlyMap<string, TypeExpr> {
  const members = new Map<string, TypeExpr>();
  while (!take(notation, marks.close)) {
    if (members.size > 0) expect(notation, marks.between);
    const name = word(notation);
    expect(notation, ":");
    members.set(name, readType(notation));
  }
  return members;
}

function word(notation: Notation): string {
  const [found = ""] = /^[A-Za-z0-9_./@]*/.exec(notation.text.slice(notation.at)) ?? [];
  notation.at += found.length;
  return found;
}

/** Steps over a mark and the blank after it. */
function take(notation: Notation, mark: string): boolean {
  while (notation.text.charAt(notation.at) === " ") notation.at++;
  if (notation.text.charAt(notation.at) !== mark) return false;
  notation.at++;
  while (notation.text.charAt(notation.at) === " ") notation.at++;
  return true;
}

function expect(notation: Notation, mark: string): void {
  assert(take(notation, mark), `the catalog is well written: ${mark} at ${notation.at} of ${notation.text}`);
}
