// Definitions and manifests read from trees, whether those came from JSON or from CBOR.

import { ZERO_HASH } from "./hash.ts";
import { readExpr, readLiteral, readSlot, readType } from "./parse-expr.ts";
import {
  present, readHash, readHashOrPlaceholder, readList, readMap, readName, readStruct, readText, readU64, readWord, settle, standIn,
} from "./parse-struct.ts";
import type { Fields, Read, Report } from "./parse-struct.ts";
import type {
  Budget, CapGrant, DefCap, DefEffect, DefModule, DefPlan, DefPolicy, DefSchema, DefSecret, Expr, Literal, Manifest, ManifestRef, Migration, Node, PlanEdge,
  PlanStep, PolicyMatch, PolicyRule, PureAbi, ReducerAbi, SecretDecl, Slot, TypeExpr,
} from "./types.ts";
import { isMap } from "./value-path.ts";
import type { Value } from "./value.ts";

export type { Problem } from "./parse-struct.ts";

/** The enforcer of a capability that names none. */
const ALLOW_ALL = { module: "sys/CapAllowAll@1" };

/**
 * Reads one node, a map with `$kind`. All problems are reported, not only the first; their codes begin with `air.`. Unknown
 * keys are warnings (`air.unknown_key`), for they reach no hash; `$comment`, `$schema` and `description` are silent. A null
 * optional member is an absent one.
 * @returns the node, or undefined when an error was reported
 */
export function parseNode(tree: Value, report: Report): Node | undefined {
  const kind = settle(readKind, tree, { at: "", report });
  return kind === undefined ? undefined : settle(NODES[kind], tree, { at: "", report });
}

/** Reads a node whose kind is known from where it stands; a `$kind` in it is ignored. */
export function parseBare(kind: Node["kind"], tree: Value, report: Report): Node | undefined {
  return settle(NODES[kind], tree, { at: "", report });
}

/** Reads an expression at `pointer`. */
export function parseExpr(tree: Value, pointer: string, report: Report): Expr | undefined {
  return settle(readExpr, tree, { at: pointer, report });
}

/** Reads a tagged literal at `pointer`. */
export function parseLiteral(tree: Value, pointer: string, report: Report): Literal | undefined {
  return settle(readLiteral, tree, { at: pointer, report });
}

/** Reads a type at `pointer`. */
export function parseType(tree: Value, pointer: string, report: Report): TypeExpr | undefined {
  return settle(readType, tree, { at: pointer, report });
}

/** Reads a plan slot at `pointer`: an expression, a tagged literal, or sugar, the first that fits as a whole. */
export function parseSlot(tree: Value, pointer: string, report: Report): Slot | undefined {
  return settle(readSlot, tree, { at: pointer, report });
}

function readNode<T>(what: string, body: (fields: Fields) => T): Read<T> {
  return readStruct(what, (fields) => {
    fields.ignore("$kind");
    return body(fields);
  });
}

const readSchema = readNode("a defschema", (fields): DefSchema => {
  return { kind: "defschema", name: fields.need("name", readName), type: fields.need("type", readType) };
});

const readReducerAbi = readStruct("a reducer abi", (fields): ReducerAbi =>
  present({
    state: fields.need("state", readName),
    event: fields.need("event", readName),
    context: fields.maybe("context", readName),
    annotations: fields.maybe("annotations", readName),
    effects_emitted: fields.some("effects_emitted", readList(readText)),
    cap_slots: fields.some("cap_slots", readMap(readText)),
  }),
);

const readPureAbi = readStruct("a pure abi", (fields): PureAbi =>
  present({ input: fields.need("input", readName), output: fields.need("output", readName), context: fields.maybe("context", readName) }),
);

const readModule = readNode("a defmodule", (fields): DefModule =>
  present({
    kind: "defmodule" as const,
    name: fields.need("name", readName),
    module_kind: fields.need("module_kind", readWord(["reducer", "pure"])),
    wasm_hash: fields.orElse("wasm_hash", readHashOrPlaceholder, ZERO_HASH),
    key_schema: fields.maybe("key_schema", readName),
    abi: fields.need(
      "abi",
      readStruct("an abi", (abi) => present({ reducer: abi.maybe("reducer", readReducerAbi), pure: abi.maybe("pure", readPureAbi) })),
    ),
  }),
);

const STEPS: { readonly [Op in PlanStep["op"]]: (id: string, fields: Fields) => PlanStep } = {
  raise_event: (id, fields) => ({ op: "raise_event", id, event: fields.need("event", readName), value: fields.need("value", readSlot) }),
  emit_effect: (id, fields) =>
    present({
      op: "emit_effect" as const,
      id,
      effect: fields.need("kind", readText),
      params: fields.need("params", readSlot),
      cap: fields.need("cap", readText),
      idempotency_key: fields.maybe("idempotency_key", readSlot),
      bind: fields.need("bind", readStruct("bind", (bind) => ({ effect_id_as: bind.need("effect_id_as", readText) }))),
    }),
  await_receipt: (id, fields) => ({
    op: "await_receipt",
    id,
    for: fields.need("for", readExpr),
    bind: fields.need("bind", readStruct("bind", (bind) => present({ as: bind.need("as", readText), status_as: bind.maybe("status_as", readText) }))),
  }),
  await_event: (id, fields) =>
    present({
      op: "await_event" as const,
      id,
      event: fields.need("event", readName),
      where: fields.maybe("where", readExpr),
      bind: fields.need("bind", readBind),
    }),
  assign: (id, fields) => ({ op: "assign", id, expr: fields.need("expr", readSlot), bind: fields.need("bind", readBind) }),
  end: (id, fields) => present({ op: "end" as const, id, result: fields.maybe("result", readSlot) }),
};

const readBind = readStruct("bind", (bind) => ({ as: bind.need("as", readText) }));

const readOp = readWord(Object.keys(STEPS) as PlanStep["op"][]);

const readStep = readStruct("a step", (fields): PlanStep => {
  const id = fields.need("id", readText);
  const op: PlanStep["op"] | undefined = fields.need("op", readOp);
  if (op !== undefined) return STEPS[op](id, fields);
  fields.ignoreRest();
  return standIn();
});

const readEdge = readStruct("an edge", (fields): PlanEdge =>
  present({ from: fields.need("from", readText), to: fields.need("to", readText), when: fields.maybe("when", readExpr) }),
);

const readPlan = readNode("a defplan", (fields): DefPlan =>
  present({
    kind: "defplan" as const,
    name: fields.need("name", readName),
    input: fields.need("input", readName),
    output: fields.maybe("output", readName),
    locals: fields.some("locals", readMap(readName)),
    steps: fields.need("steps", readList(readStep)),
    edges: fields.some("edges", readList(readEdge)),
    required_caps: fields.some("required_caps", readList(readText)),
    allowed_effects: fields.some("allowed_effects", readList(readText)),
    invariants: fields.some("invariants", readList(readExpr)),
    deadline_ns: fields.maybe("deadline_ns", readU64),
  }),
);

const readCap = readNode("a defcap", (fields): DefCap => ({
  kind: "defcap",
  name: fields.need("name", readName),
  cap_type: fields.need("cap_type", readText),
  schema: fields.need("schema", readType),
  enforcer: fields.orElse("enforcer", readStruct("an enforcer", (enforcer) => ({ module: enforcer.need("module", readText) })), ALLOW_ALL),
}));

const readEffect = readNode("a defeffect", (fields): DefEffect => ({
  kind: "defeffect",
  name: fields.need("name", readName),
  effect: fields.need("kind", readText),
  params_schema: fields.need("params_schema", readName),
  receipt_schema: fields.need("receipt_schema", readName),
  cap_type: fields.need("cap_type", readText),
  origin_scope: fields.need("origin_scope", readWord(["reducer", "plan", "both"])),
}));

const readMatch = readStruct("a policy match", (fields): PolicyMatch =>
  present({
    effect_kind: fields.maybe("effect_kind", readText),
    cap_name: fields.maybe("cap_name", readText),
    cap_type: fields.maybe("cap_type", readText),
    origin_kind: fields.maybe("origin_kind", readWord(["plan", "reducer"])),
    origin_name: fields.maybe("origin_name", readText),
  }),
);

const readRule = readStruct("a policy rule", (fields): PolicyRule =>
  present({
    when: fields.need("when", readMatch),
    decision: fields.need("decision", readWord(["allow", "deny", "require_approval"])),
    approval_ttl_ns: fields.maybe("approval_ttl_ns", readU64),
  }),
);

const readPolicy = readNode("a defpolicy", (fields): DefPolicy => ({
  kind: "defpolicy",
  name: fields.need("name", readName),
  rules: fields.need("rules", readList(readRule)),
}));

const readSecretDef = readNode("a defsecret", (fields): DefSecret =>
  present({
    kind: "defsecret" as const,
    name: fields.need("name", readText),
    binding_id: fields.need("binding_id", readText),
    expected_digest: fields.maybe("expected_digest", readHash),
    allowed_caps: fields.some("allowed_caps", readList(readText)),
    allowed_plans: fields.some("allowed_plans", readList(readText)),
  }),
);

const readRef = readStruct("a manifest ref", (fields): ManifestRef => {
  return { name: fields.need("name", readText), hash: fields.orElse("hash", readHashOrPlaceholder, ZERO_HASH) };
});

const readSecretDecl = readStruct("a secret without a name", (fields): SecretDecl =>
  present({
    alias: fields.need("alias", readText),
    version: fields.need("version", readU64),
    binding_id: fields.need("binding_id", readText),
    expected_digest: fields.maybe("expected_digest", readHash),
    policy: fields.maybe(
      "policy",
      readStruct("a secret policy", (policy) =>
        present({ allowed_caps: policy.some("allowed_caps", readList(readText)), allowed_plans: policy.some("allowed_plans", readList(readText)) }),
      ),
    ),
  }),
);

function readManifestSecret(value: Value, at: string, report: Report): ManifestRef | SecretDecl {
  const named = isMap(value) && typeof value.get("name") === "string";
  return named ? readRef(value, at, report) : readSecretDecl(value, at, report);
}

const readAmounts = readStruct("a budget", (fields): Budget =>
  present({
    calls: fields.maybe("calls", readU64),
    tokens: fields.maybe("tokens", readU64),
    cents: fields.maybe("cents", readU64),
    bytes: fields.maybe("bytes", readU64),
  }),
);

/** A budget that limits nothing is none. */
const readBudget: Read<Budget | undefined> = (value, at, report) => {
  const budget: Budget | undefined = readAmounts(value, at, report);
  return budget === undefined || Object.keys(budget).length === 0 ? undefined : budget;
};

const readGrant = readStruct("a cap grant", (fields): CapGrant =>
  present({
    name: fields.need("name", readText),
    cap: fields.need("cap", readText),
    params: fields.need("params", readLiteral),
    expiry_ns: fields.maybe("expiry_ns", readU64),
    budget: fields.maybe("budget", readBudget),
  }),
);

const readDefaults = readStruct("defaults", (fields) =>
  present({ policy: fields.maybe("policy", readText), cap_grants: fields.some("cap_grants", readList(readGrant)), idempotency: fields.maybe("idempotency", readWord(["instance"])) }),
);

const readRouting = readStruct("routing", (fields) =>
  present({
    events: fields.some(
      "events",
      readList(
        readStruct("a route", (route) =>
          present({ event: route.need("event", readName), reducer: route.need("reducer", readText), key_field: route.maybe("key_field", readText) }),
        ),
      ),
    ),
    inboxes: fields.some(
      "inboxes",
      readList(readStruct("an inbox", (inbox) => ({ source: inbox.need("source", readText), reducer: inbox.need("reducer", readText) }))),
    ),
  }),
);

const readTrigger = readStruct("a trigger", (fields) =>
  present({ event: fields.need("event", readName), plan: fields.need("plan", readText), correlate_by: fields.maybe("correlate_by", readText) }),
);

const readMigration = readStruct("a migration", (fields): Migration => {
  return { reducer: fields.need("reducer", readText), module: fields.need("module", readText) };
});

const readManifest = readNode("a manifest", (fields): Manifest =>
  present({
    kind: "manifest" as const,
    air_version: fields.need("air_version", readText),
    schemas: fields.need("schemas", readList(readRef)),
    modules: fields.need("modules", readList(readRef)),
    plans: fields.need("plans", readList(readRef)),
    caps: fields.need("caps", readList(readRef)),
    policies: fields.need("policies", readList(readRef)),
    effects: fields.some("effects", readList(readRef)),
    secrets: fields.some("secrets", readList(readManifestSecret)),
    defaults: fields.maybe("defaults", readDefaults),
    module_bindings: fields.some(
      "module_bindings",
      readMap(readStruct("a module binding", (binding) => present({ slots: binding.some("slots", readMap(readText)) }))),
    ),
    routing: fields.maybe("routing", readRouting),
    triggers: fields.some("triggers", readList(readTrigger)),
    migrations: fields.some("migrations", readList(readMigration)),
  }),
);

const NODES: { readonly [Kind in Node["kind"]]: Read<Node> } = {
  manifest: readManifest,
  defschema: readSchema,
  defmodule: readModule,
  defplan: readPlan,
  defcap: readCap,
  defeffect: readEffect,
  defpolicy: readPolicy,
  defsecret: readSecretDef,
};

const readKindWord = readWord(Object.keys(NODES) as Node["kind"][]);

const readKind = readStruct("a node", (fields): Node["kind"] => {
  fields.ignoreRest();
  return fields.need("$kind", readKindWord);
});
