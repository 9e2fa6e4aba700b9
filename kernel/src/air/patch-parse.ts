// Patch documents as data: what a proposal does to a control plane, operation by operation; read from JSON and written to it.

import { ZERO_HASH } from "./hash.ts";
import { jsonOf } from "./json.ts";
import { parseBare, parseNode } from "./parse.ts";
import { below, readHash, readHashOrPlaceholder, readList, readStruct, readText, readWord, settle, standIn } from "./parse-struct.ts";
import type { Fields, Problem, Read, Report } from "./parse-struct.ts";
import { bareValue, nodeValue } from "./serialize.ts";
import { nearest } from "./suggest.ts";
import type { CapGrant, Definition, DefKind, Json, Manifest, ManifestRef, Migration, RoutingEvent, SecretDecl, Trigger } from "./types.ts";
import { isMap, kindOfValue } from "./value-path.ts";
import type { Encodable, Hash, Value } from "./value.ts";

/** A reference to list; the zero hash asks for the right one to be filled in, any other must be the right one. */
export interface RefAdd { readonly kind: DefKind; readonly name: string; readonly hash: Hash }
export interface RefRemove { readonly kind: DefKind; readonly name: string }
type Inbox = NonNullable<NonNullable<Manifest["routing"]>["inboxes"]>[number];
type Bindings = NonNullable<Manifest["module_bindings"]>;

/**
 * One operation. `pre_hash` is what the author saw: the reference hash of a definition, or the hash of the whole block; where
 * the base holds something else, the patch does not apply.
 */
export type PatchOp =
  /** Defines and lists; the name must be free. */
  | { readonly op: "add_def"; readonly node: Definition }
  | { readonly op: "replace_def"; readonly name: string; readonly new_node: Definition; readonly pre_hash: Hash }
  | { readonly op: "remove_def"; readonly kind: DefKind; readonly name: string; readonly pre_hash: Hash }
  /** Unlists `remove`, then lists `add`: at the end of its list, or where it stands already. */
  | { readonly op: "set_manifest_refs"; readonly add?: readonly RefAdd[]; readonly remove?: readonly RefRemove[] }
  /** What is absent stays; `policy: null` clears the policy. */
  | { readonly op: "set_defaults"; readonly policy?: string | null; readonly cap_grants?: readonly CapGrant[]; readonly idempotency?: "instance" | null }
  | { readonly op: "set_routing_events"; readonly pre_hash: Hash; readonly events: readonly RoutingEvent[] }
  | { readonly op: "set_routing_inboxes"; readonly pre_hash: Hash; readonly inboxes: readonly Inbox[] }
  | { readonly op: "set_triggers"; readonly pre_hash: Hash; readonly triggers: readonly Trigger[] }
  | { readonly op: "set_module_bindings"; readonly pre_hash: Hash; readonly bindings: Bindings }
  | { readonly op: "set_secrets"; readonly pre_hash: Hash; readonly secrets: readonly (ManifestRef | SecretDecl)[] }
  | { readonly op: "set_migrations"; readonly pre_hash: Hash; readonly migrations: readonly Migration[] }
  /** Takes a section out as a whole: an empty `defaults` or `routing` and an absent one have different hashes. */
  | { readonly op: "remove_section"; readonly section: "defaults" | "routing"; readonly pre_hash: Hash };

export interface PatchDoc {
  readonly version: "1";
  /** Hash of the manifest the patch was made for, as `ControlPlane.manifestHash`, or of that manifest with its `$kind`. */
  readonly base_manifest_hash: Hash;
  /** Applied in order. */
  readonly patches: readonly PatchOp[];
}

/** Definition kinds in the order of a manifest's lists. */
const KINDS: readonly DefKind[] = ["defschema", "defmodule", "defplan", "defeffect", "defcap", "defpolicy", "defsecret"];
const PROSE: ReadonlySet<Value> = new Set(["$comment", "$schema", "description"]);

/**
 * Reads a patch document: `{"version"?: "1", "base_manifest_hash", "patches": [{OP: {…}}, …]}`, at least one operation. Keys that
 * no operation has are errors here, for a slip would silently leave something as it is; inside nodes they are warnings, as in
 * `parseNode`.
 *
 * @param report - gets every problem, its pointer relative to the document
 * @returns the document, or undefined when an error was reported
 */
export function parsePatchDoc(json: Json, report: Report): PatchDoc | undefined {
  return settle(readDoc, json as Value, { at: "", report });
}

/** An object whose unknown keys are errors. */
function readClosed<T>(what: string, body: (fields: Fields, place: { readonly at: string; readonly report: Report }) => T): Read<T> {
  const read = readStruct(what, body);
  return (value, at, report) =>
    read(value, at, (problem) => {
      const own = problem.code === "air.unknown_key" && problem.pointer.lastIndexOf("/") === at.length;
      if (!own) return report(problem);
      const { pointer, hint } = problem;
      report({ code: "patch.unknown_key", pointer, message: `${what} has no such key`, ...(hint === undefined ? {} : { hint }) });
    });
}

const readKind = readWord(KINDS);

function readDefinition(value: Value, at: string, report: Report): Definition {
  const node = parseNode(value, (problem) => report(moved(problem, { from: "", to: at })));
  if (node === undefined) return standIn();
  if (node.kind !== "manifest") return node;
  report({ code: "patch.kind", pointer: at, message: "a manifest is not a definition: it is changed by the other operations" });
  return standIn();
}

function moved(problem: Problem, ends: { readonly from: string; readonly to: string }): Problem {
  return { ...problem, pointer: ends.to + problem.pointer.slice(ends.from.length) };
}

/** The kind beside a node says the same as the node. */
function agree(kind: DefKind | undefined, node: Definition | undefined, place: { readonly at: string; readonly report: Report }): void {
  if (kind === undefined || node === undefined || kind === node.kind) return;
  place.report({ code: "patch.kind", pointer: below(place.at, "kind"), message: `the operation says ${kind}, its node is a ${node.kind}` });
}

const EMPTY_MANIFEST: readonly (readonly [string, Value])[] = [
  ["air_version", "1"], ["schemas", []], ["modules", []], ["plans", []], ["caps", []], ["policies", []],
];

/** Reads a part of a manifest as the manifest itself would; `path` is where it stands there. */
function readPart<T>(path: readonly [string] | readonly [string, string], pick: (manifest: Manifest) => T): Read<T> {
  const [section, member] = path;
  return (value, at, report) => {
    const part: Value = member === undefined ? value : new Map([[member, value]]);
    const from = path.map((step) => `/${step}`).join("");
    const manifest = parseBare("manifest", new Map([...EMPTY_MANIFEST, [section, part]]), (problem) => report(moved(problem, { from, to: at })));
    return manifest?.kind === "manifest" ? pick(manifest) : standIn();
  };
}

const readGrants = readPart(["defaults", "cap_grants"], (manifest) => manifest.defaults?.cap_grants ?? []);
const readEvents = readPart(["routing", "events"], (manifest) => manifest.routing?.events ?? []);
const readInboxes = readPart(["routing", "inboxes"], (manifest) => manifest.routing?.inboxes ?? []);
const readTriggers = readPart(["triggers"], (manifest) => manifest.triggers ?? []);
const readBindings = readPart(["module_bindings"], (manifest): Bindings => manifest.module_bindings ?? new Map());
const readSecrets = readPart(["secrets"], (manifest) => manifest.secrets ?? []);
const readMigrations = readPart(["migrations"], (manifest) => manifest.migrations ?? []);

function orNull<T>(read: Read<T>): Read<T | null> {
  return (value, at, report) => (value === null ? null : read(value, at, report));
}
const readPolicy = orNull(readText);
const readIdempotency = orNull(readWord(["instance"]));

const readAdd = readClosed("a reference", (fields): RefAdd => ({
  kind: fields.need("kind", readKind), name: fields.need("name", readText), hash: fields.orElse("hash", readHashOrPlaceholder, ZERO_HASH),
}));
const readRemove = readClosed("a reference", (fields): RefRemove => ({ kind: fields.need("kind", readKind), name: fields.need("name", readText) }));

const OPS: { readonly [Op in PatchOp["op"]]: Read<PatchOp> } = {
  add_def: readClosed("add_def", (fields, place) => {
    const kind: DefKind | undefined = fields.need("kind", readKind);
    const node = fields.need("node", readDefinition);
    agree(kind, node, place);
    return { op: "add_def", node };
  }),
  replace_def: readClosed("replace_def", (fields, place) => {
    const kind: DefKind | undefined = fields.need("kind", readKind);
    const name = fields.need("name", readText);
    const new_node = fields.need("new_node", readDefinition);
    agree(kind, new_node, place);
    return { op: "replace_def", name, new_node, pre_hash: fields.need("pre_hash", readHash) };
  }),
  remove_def: readClosed("remove_def", (fields) => ({
    op: "remove_def", kind: fields.need("kind", readKind), name: fields.need("name", readText), pre_hash: fields.need("pre_hash", readHash),
  })),
  set_manifest_refs: readClosed("set_manifest_refs", (fields, { at, report }) => {
    const add = fields.some("add", readList(readAdd));
    const remove = fields.some("remove", readList(readRemove));
    if (add === undefined && remove === undefined) report({ code: "patch.empty", pointer: at, message: "set_manifest_refs needs something to add or to remove" });
    return { op: "set_manifest_refs", ...(add && { add }), ...(remove && { remove }) };
  }),
  set_defaults: readClosed("set_defaults", (fields) => {
    const policy = fields.orElse<string | null | undefined>("policy", readPolicy, undefined);
    const cap_grants = fields.orElse<readonly CapGrant[] | undefined>("cap_grants", readGrants, undefined);
    const idempotency = fields.orElse<"instance" | null | undefined>("idempotency", readIdempotency, undefined);
    return { op: "set_defaults", ...(policy !== undefined && { policy }), ...(cap_grants && { cap_grants }), ...(idempotency !== undefined && { idempotency }) };
  }),
  set_routing_events: readClosed("set_routing_events", (fields) => ({
    op: "set_routing_events", pre_hash: fields.need("pre_hash", readHash), events: fields.need("events", readEvents),
  })),
  set_routing_inboxes: readClosed("set_routing_inboxes", (fields) => ({
    op: "set_routing_inboxes", pre_hash: fields.need("pre_hash", readHash), inboxes: fields.need("inboxes", readInboxes),
  })),
  set_triggers: readClosed("set_triggers", (fields) => ({
    op: "set_triggers", pre_hash: fields.need("pre_hash", readHash), triggers: fields.need("triggers", readTriggers),
  })),
  set_module_bindings: readClosed("set_module_bindings", (fields) => ({
    op: "set_module_bindings", pre_hash: fields.need("pre_hash", readHash), bindings: fields.need("bindings", readBindings),
  })),
  set_secrets: readClosed("set_secrets", (fields) => ({
    op: "set_secrets", pre_hash: fields.need("pre_hash", readHash), secrets: fields.need("secrets", readSecrets),
  })),
  set_migrations: readClosed("set_migrations", (fields) => ({
    op: "set_migrations", pre_hash: fields.need("pre_hash", readHash), migrations: fields.need("migrations", readMigrations),
  })),
  remove_section: readClosed("remove_section", (fields) => ({
    op: "remove_section", section: fields.need("section", readWord(["defaults", "routing"])), pre_hash: fields.need("pre_hash", readHash),
  })),
};

/** Names of all operations, sorted. */
export const PATCH_OPS: readonly string[] = [
  "add_def", "remove_def", "remove_section", "replace_def", "set_defaults", "set_manifest_refs", "set_migrations", "set_module_bindings",
  "set_routing_events", "set_routing_inboxes", "set_secrets", "set_triggers",
];

const readOp: Read<PatchOp> = (value, at, report) => {
  if (!isMap(value)) {
    report({ code: "air.type", pointer: at, message: `expected an operation, an object, got ${kindOfValue(value)}` });
    return standIn();
  }
  const names = [...value.keys()].filter((key) => !PROSE.has(key));
  const [name, ...others] = names;
  if (name === undefined || others.length > 0) {
    report({ code: "patch.op", pointer: at, message: `an operation is an object with one key, its name; this one has ${names.length}` });
    return standIn();
  }
  const known = typeof name === "string" && Object.hasOwn(OPS, name) ? OPS[name as PatchOp["op"]] : undefined;
  if (known !== undefined) return known(value.get(name) ?? null, below(at, String(name)), report);
  const close = typeof name === "string" ? nearest(name, PATCH_OPS) : undefined;
  report({
    code: "patch.op", pointer: at, message: `there is no operation ${JSON.stringify(String(name))}`,
    hint: close === undefined ? `there are ${PATCH_OPS.join(", ")}` : `did you mean ${JSON.stringify(close)}?`,
  });
  return standIn();
};

const readDoc = readClosed("a patch document", (fields, { report }): PatchDoc => {
  const version = fields.orElse("version", readWord(["1"]), "1");
  const base_manifest_hash = fields.need("base_manifest_hash", readHash);
  const patches: readonly PatchOp[] | undefined = fields.need("patches", readList(readOp));
  if (patches?.length === 0) report({ code: "patch.empty", pointer: "/patches", message: "the patch changes nothing" });
  return { version, base_manifest_hash, patches };
});

/** The document as JSON; `parsePatchDoc` reads it back. */
export function patchDocJson(doc: PatchDoc): Json {
  return jsonOf({ version: doc.version, base_manifest_hash: doc.base_manifest_hash, patches: doc.patches.map((op) => ({ [op.op]: bodyValue(op) })) });
}

function bodyValue(patch: PatchOp): Encodable {
  switch (patch.op) {
    case "add_def":
      return { kind: patch.node.kind, node: nodeValue(patch.node) };
    case "replace_def":
      return { kind: patch.new_node.kind, name: patch.name, pre_hash: patch.pre_hash, new_node: nodeValue(patch.new_node) };
    case "set_defaults":
      return { policy: patch.policy, idempotency: patch.idempotency, cap_grants: patch.cap_grants && blockValue({ defaults: { cap_grants: patch.cap_grants } }, "cap_grants") };
    case "set_routing_events":
      return { pre_hash: patch.pre_hash, events: blockValue({ routing: { events: patch.events } }, "routing_events") };
    case "set_routing_inboxes":
      return { pre_hash: patch.pre_hash, inboxes: blockValue({ routing: { inboxes: patch.inboxes } }, "routing_inboxes") };
    case "set_triggers":
      return { pre_hash: patch.pre_hash, triggers: blockValue({ triggers: patch.triggers }, "triggers") };
    case "set_module_bindings":
      return { pre_hash: patch.pre_hash, bindings: blockValue({ module_bindings: patch.bindings }, "module_bindings") };
    case "set_secrets":
      return { pre_hash: patch.pre_hash, secrets: blockValue({ secrets: patch.secrets }, "secrets") };
    case "set_migrations":
      return { pre_hash: patch.pre_hash, migrations: blockValue({ migrations: patch.migrations }, "migrations") };
    default: {
      const { op: _, ...body } = patch;
      return { ...body } as Encodable;
    }
  }
}

/** The parts of a manifest that operations replace as a whole. */
export type Block = "cap_grants" | "routing_events" | "routing_inboxes" | "triggers" | "module_bindings" | "secrets" | "migrations" | "defaults" | "routing";

const BLOCKS: { readonly [B in Block]: { readonly path: readonly string[]; readonly empty: Encodable } } = {
  cap_grants: { path: ["defaults", "cap_grants"], empty: [] },
  routing_events: { path: ["routing", "events"], empty: [] },
  routing_inboxes: { path: ["routing", "inboxes"], empty: [] },
  triggers: { path: ["triggers"], empty: [] },
  module_bindings: { path: ["module_bindings"], empty: {} },
  secrets: { path: ["secrets"], empty: [] },
  migrations: { path: ["migrations"], empty: [] },
  defaults: { path: ["defaults"], empty: {} },
  routing: { path: ["routing"], empty: {} },
};

/**
 * A block as the manifest's hash sees it; one that is absent is an empty list, or an empty map for bindings and sections. Its hash
 * is the `pre_hash` of the operation that replaces it.
 */
export function blockValue(manifest: Partial<Manifest>, block: Block): Encodable {
  const whole: Manifest = { kind: "manifest", air_version: "1", schemas: [], modules: [], plans: [], caps: [], policies: [], ...manifest };
  const { path, empty } = BLOCKS[block];
  let part: Encodable | undefined = bareValue(whole);
  for (const step of path) part = part === undefined ? undefined : (part as { readonly [key: string]: Encodable | undefined })[step];
  return part ?? empty;
}
