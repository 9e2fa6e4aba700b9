// A patch document applied to a control plane: every operation checked, the result judged by all the rules.

import { BUILTIN_MODULES } from "./catalog.ts";
import { canonical } from "./cbor.ts";
import { patchValue } from "./envelope.ts";
import { assert, unreachable } from "./error.ts";
import { collector, compareFindings, idOf, type Finding, type Owner } from "./findings.ts";
import { hashValue, ZERO_HASH } from "./hash.ts";
import { link, SECTIONS } from "./link.ts";
import { loadBundle } from "./load.ts";
import type { Problem } from "./parse.ts";
import { blockValue, type Block, type PatchDoc, type PatchOp, type RefAdd } from "./patch-parse.ts";
import { nodeHash, nodeValue } from "./serialize.ts";
import { nearest } from "./suggest.ts";
import { compareText } from "./text.ts";
import type { ControlPlane, DefKind, Definition, Diagnostic, Manifest, ManifestRef, SecretDecl } from "./types.ts";
import { validate } from "./validate.ts";
import type { Hash } from "./value.ts";

/** Identity of a control plane with all it carries: the hash of what `bundleOf` writes. Sugar and canonical plans give the same. */
export function patchHash(control: ControlPlane): Hash {
  return hashValue(patchValue(control.manifest, control.nodes.map(({ node }) => node)));
}

/** The `pre_hash` of a block, as the operation that replaces it must name it. */
export function blockHash(manifest: Manifest, block: Block): Hash {
  return hashValue(blockValue(manifest, block));
}

interface ApplyOptions {
  /** The name of the document in diagnostics; "patch" without it. */
  readonly file?: string;
  /** Where a pointer of the document stands, from `readJson`; line 1, column 1 without it. */
  readonly locate?: (pointer: string) => { readonly line: number; readonly column: number };
  /** Code by module name, for modules given with the zero hash or none. */
  readonly moduleHashes?: ReadonlyMap<string, Hash>;
}

/**
 * Applies a patch to the control plane it was made for.
 *
 * Operations come first: as long as one of them does not fit, only they are reported. Then the result is judged as any load is.
 * A finding about something the patch gives points at it; one about the rest of the base points at the whole document and its
 * message starts with the definition.
 * @returns all problems there are, sorted by place; the control plane, exactly as its bundle will load, unless one is an error
 */
export function applyPatch(
  base: ControlPlane, doc: PatchDoc, options: ApplyOptions = {},
): { readonly control: ControlPlane | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const problems: Problem[] = [];
  const draft = draftOf(base);
  if (doc.base_manifest_hash !== base.manifestHash && doc.base_manifest_hash !== hashValue(nodeValue(base.manifest))) {
    const message = `the patch is for manifest ${doc.base_manifest_hash}, and the base is ${base.manifestHash}`;
    problems.push({ code: "patch.base", pointer: "/base_manifest_hash", message, hint: "make the patch again from the base as it is now" });
  } else {
    for (const [index, op] of doc.patches.entries()) applyOp(draft, op, placeOf(index, op, problems));
  }
  if (problems.length > 0) return { control: undefined, diagnostics: diagnosticsOf(problems, options) };
  const { linked, findings } = judge(draft, options);
  problems.push(...draft.claims.flatMap((claim) => checkClaim(claim, linked.manifest)), ...findings.map((finding) => inDocument(finding, draft, doc)));
  const failed = problems.some(({ severity }) => severity !== "warning");
  const diagnostics = diagnosticsOf(problems, options);
  if (failed) return { control: undefined, diagnostics };
  return { control: loadBundle(canonical(patchValue(linked.manifest, linked.nodes.map(({ node }) => node)))), diagnostics };
}

// --- the base, opened

type Section = (typeof SECTIONS)[number]["section"];
/** A member of a reference list. `at` points into the document, where it comes from there. */
type Entry = { readonly name: string; readonly at?: string } | { readonly inline: SecretDecl };
/** What a name stands for. The catalog's have no node. */
interface Known { readonly hash: Hash; readonly node?: Definition; readonly at?: string }
/** A hash the document gives for a reference. */
interface Claim extends RefAdd { readonly at: string }

interface Draft {
  manifest: Manifest;
  readonly lists: Map<Section, readonly Entry[]>;
  /** By `idOf`. */
  readonly known: Map<string, Known>;
  claims: readonly Claim[];
}

function draftOf(base: ControlPlane): Draft {
  const nodes = new Map(base.nodes.map(({ node }) => [idOf(node.kind, node.name), node]));
  const lists = new Map<Section, readonly Entry[]>();
  const known = new Map<string, Known>();
  for (const { section, kind } of SECTIONS) {
    const refs = base.manifest[section] ?? [];
    lists.set(section, refs.map((ref) => ("alias" in ref ? { inline: ref } : { name: ref.name })));
    for (const ref of refs) {
      if ("alias" in ref) continue;
      const node = nodes.get(idOf(kind, ref.name));
      known.set(idOf(kind, ref.name), { hash: ref.hash, ...(node && { node }) });
    }
  }
  return { manifest: base.manifest, lists, known, claims: [] };
}

function sectionOf(kind: DefKind): Section {
  const found = SECTIONS.find((entry) => entry.kind === kind);
  assert(found !== undefined, "every kind of definition has a list in the manifest");
  return found.section;
}

function listed(draft: Draft, kind: DefKind, name: string): boolean {
  return (draft.lists.get(sectionOf(kind)) ?? []).some((entry) => "name" in entry && entry.name === name);
}

/** The manifest as it stands, every reference with the hash of what it names now. */
function manifestOf(draft: Draft, hashOf: (kind: DefKind, name: string) => Hash): Manifest {
  const refs = (kind: DefKind): readonly ManifestRef[] => entriesOf(draft, kind, hashOf).filter((entry) => "name" in entry);
  const { effects: _effects, secrets: _secrets, ...rest } = draft.manifest;
  const [effects, secrets] = [refs("defeffect"), entriesOf(draft, "defsecret", hashOf)];
  return {
    ...rest, schemas: refs("defschema"), modules: refs("defmodule"), plans: refs("defplan"), caps: refs("defcap"), policies: refs("defpolicy"),
    ...(effects.length > 0 && { effects }), ...(secrets.length > 0 && { secrets }),
  };
}

function entriesOf(draft: Draft, kind: DefKind, hashOf: (kind: DefKind, name: string) => Hash): readonly (ManifestRef | SecretDecl)[] {
  return (draft.lists.get(sectionOf(kind)) ?? []).map((entry) => ("inline" in entry ? entry.inline : { name: entry.name, hash: hashOf(kind, entry.name) }));
}

// --- the operations

interface At { readonly pointer: string; readonly problems: Problem[] }

function placeOf(index: number, op: PatchOp, problems: Problem[]): At {
  return { pointer: `/patches/${index}/${op.op}`, problems };
}

function applyOp(draft: Draft, op: PatchOp, at: At): void {
  switch (op.op) {
    case "add_def":
      return addDef(draft, op.node, at);
    case "replace_def":
      return replaceDef(draft, op, at);
    case "remove_def":
      return removeDef(draft, op, at);
    case "set_manifest_refs":
      return setRefs(draft, op, at);
    case "set_defaults":
      return setDefaults(draft, op);
    case "remove_section": {
      guardBlock(draft, op.section, { ...at, expected: op.pre_hash });
      const { [op.section]: _, ...rest } = draft.manifest;
      draft.manifest = rest;
      return;
    }
    case "set_routing_events":
      guardBlock(draft, "routing_events", { ...at, expected: op.pre_hash });
      return setRouting(draft, "events", op.events);
    case "set_routing_inboxes":
      guardBlock(draft, "routing_inboxes", { ...at, expected: op.pre_hash });
      return setRouting(draft, "inboxes", op.inboxes);
    case "set_triggers":
      guardBlock(draft, "triggers", { ...at, expected: op.pre_hash });
      return setOptional(draft, "triggers", op.triggers.length > 0 ? op.triggers : undefined);
    case "set_module_bindings":
      guardBlock(draft, "module_bindings", { ...at, expected: op.pre_hash });
      return setOptional(draft, "module_bindings", op.bindings.size > 0 ? op.bindings : undefined);
    case "set_secrets":
      return setSecrets(draft, op, at);
    case "set_migrations":
      guardBlock(draft, "migrations", { ...at, expected: op.pre_hash });
      return setOptional(draft, "migrations", op.migrations.length > 0 ? op.migrations : undefined);
    default:
      return unreachable(op);
  }
}

function fail({ pointer, problems }: At, step: string, problem: Omit<Problem, "pointer">): void {
  problems.push({ pointer: pointer + step, ...problem });
}

/** Names under `sys/` are the catalog's; all a world may give there is its own build of a builtin module. */
function isReserved(node: Definition): boolean {
  if (!node.name.startsWith("sys/")) return false;
  const builtin = node.kind === "defmodule" ? BUILTIN_MODULES.get(node.name) : undefined;
  return builtin === undefined || node.kind !== "defmodule" || nodeHash({ ...node, wasm_hash: builtin.wasm_hash }) !== nodeHash(builtin);
}

const RESERVED = { code: "patch.reserved", hint: "take a namespace of your own" };

function addDef(draft: Draft, node: Definition, at: At): void {
  const id = idOf(node.kind, node.name);
  if (isReserved(node)) fail(at, "/node/name", { ...RESERVED, message: `\`${node.name}\`: names under \`sys/\` are reserved` });
  else if (draft.known.has(id)) fail(at, "/node/name", { code: "patch.exists", message: `${node.kind} \`${node.name}\` exists already`, hint: "use replace_def" });
  else {
    define(draft, node, `${at.pointer}/node`);
    if (!listed(draft, node.kind, node.name)) append(draft, node.kind, { name: node.name, at: `${at.pointer}/node/name` });
  }
}

function define(draft: Draft, node: Definition, at: string): void {
  const builtin = node.kind === "defmodule" ? BUILTIN_MODULES.get(node.name) : undefined;
  const own = builtin === undefined || nodeHash(builtin) !== nodeHash(node);
  draft.known.set(idOf(node.kind, node.name), { hash: nodeHash(node), at, ...(own && { node }) });
}

function append(draft: Draft, kind: DefKind, entry: Entry): void {
  const section = sectionOf(kind);
  draft.lists.set(section, [...(draft.lists.get(section) ?? []), entry]);
}

function unlist(draft: Draft, kind: DefKind, name: string): void {
  const section = sectionOf(kind);
  draft.lists.set(section, (draft.lists.get(section) ?? []).filter((entry) => !("name" in entry) || entry.name !== name));
}

function replaceDef(draft: Draft, op: PatchOp & { op: "replace_def" }, at: At): void {
  const { new_node: node, name, pre_hash } = op;
  if (node.name !== name) {
    fail(at, "/new_node/name", { code: "patch.name", message: `\`${name}\` cannot become \`${node.name}\``, hint: "remove the one and add the other" });
  } else if (isReserved(node)) {
    fail(at, "/name", { ...RESERVED, message: `\`${name}\`: names under \`sys/\` are reserved` });
  } else if (guardDef(draft, { kind: node.kind, name, pre_hash }, at)) {
    define(draft, node, `${at.pointer}/new_node`);
  }
}

function removeDef(draft: Draft, op: PatchOp & { op: "remove_def" }, at: At): void {
  if (op.name.startsWith("sys/")) {
    fail(at, "/name", { code: "patch.reserved", message: `\`${op.name}\` is builtin and cannot be removed`, hint: "unlist it with set_manifest_refs" });
  } else if (guardDef(draft, op, at)) {
    draft.known.delete(idOf(op.kind, op.name));
    unlist(draft, op.kind, op.name);
  }
}

/** Is it there, and is it what the author saw? */
function guardDef(draft: Draft, op: { readonly kind: DefKind; readonly name: string; readonly pre_hash: Hash }, at: At): boolean {
  const known = draft.known.get(idOf(op.kind, op.name));
  if (known === undefined) {
    missing(draft, op, { ...at, step: "/name" });
    return false;
  }
  if (known.hash === op.pre_hash) return true;
  fail(at, "/pre_hash", { code: "patch.pre_hash", message: `\`${op.name}\` is ${known.hash}, not ${op.pre_hash}`, hint: "it changed since the patch was made" });
  return false;
}

function missing(draft: Draft, { kind, name }: { readonly kind: DefKind; readonly name: string }, at: At & { readonly step: string }): void {
  const names = (draft.lists.get(sectionOf(kind)) ?? []).flatMap((entry) => ("name" in entry ? [entry.name] : []));
  const close = nearest(name, names);
  fail(at, at.step, { code: "patch.missing", message: `there is no ${kind} \`${name}\``, ...(close !== undefined && { hint: `did you mean \`${close}\`?` }) });
}

function setRefs(draft: Draft, op: PatchOp & { op: "set_manifest_refs" }, at: At): void {
  for (const [index, ref] of (op.remove ?? []).entries()) {
    if (listed(draft, ref.kind, ref.name)) unlist(draft, ref.kind, ref.name);
    else missing(draft, ref, { ...at, step: `/remove/${index}/name` });
  }
  for (const [index, ref] of (op.add ?? []).entries()) {
    const pointer = `${at.pointer}/add/${index}`;
    if (!listed(draft, ref.kind, ref.name)) append(draft, ref.kind, { name: ref.name, at: pointer });
    if (ref.hash !== ZERO_HASH) draft.claims = [...draft.claims, { ...ref, at: `${pointer}/hash` }];
  }
}

function checkClaim({ kind, name, hash, at }: Claim, manifest: Manifest): readonly Problem[] {
  const ref = (manifest[sectionOf(kind)] ?? []).find((entry) => "name" in entry && entry.name === name);
  if (ref === undefined || !("hash" in ref) || ref.hash === hash || ref.hash === ZERO_HASH) return [];
  return [{ code: "patch.ref_hash", pointer: at, message: `\`${name}\` will be ${ref.hash}, not ${hash}`, hint: "leave the hash out to have it filled in" }];
}

function setDefaults(draft: Draft, op: PatchOp & { op: "set_defaults" }): void {
  const policy = op.policy === undefined ? draft.manifest.defaults?.policy : (op.policy ?? undefined);
  const grants = op.cap_grants ?? draft.manifest.defaults?.cap_grants ?? [];
  const idempotency = op.idempotency === undefined ? draft.manifest.defaults?.idempotency : (op.idempotency ?? undefined);
  const defaults = { ...(policy !== undefined && { policy }), ...(grants.length > 0 && { cap_grants: grants }), ...(idempotency !== undefined && { idempotency }) };
  draft.manifest = { ...draft.manifest, defaults };
}

function setRouting<Part extends "events" | "inboxes">(draft: Draft, part: Part, list: NonNullable<NonNullable<Manifest["routing"]>[Part]>): void {
  const { [part]: _, ...rest } = draft.manifest.routing ?? {};
  draft.manifest = { ...draft.manifest, routing: { ...rest, ...(list.length > 0 && { [part]: list }) } };
}

function setOptional<Key extends "triggers" | "module_bindings" | "migrations">(draft: Draft, key: Key, value: Manifest[Key]): void {
  const { [key]: _, ...rest } = draft.manifest;
  draft.manifest = { ...(rest as Manifest), ...(value && { [key]: value }) };
}

function setSecrets(draft: Draft, op: PatchOp & { op: "set_secrets" }, at: At): void {
  guardBlock(draft, "secrets", { ...at, expected: op.pre_hash });
  const claims: Claim[] = [];
  const entries = op.secrets.map((entry, index): Entry => {
    if ("alias" in entry) return { inline: entry };
    const pointer = `${at.pointer}/secrets/${index}`;
    if (entry.hash !== ZERO_HASH) claims.push({ kind: "defsecret", name: entry.name, hash: entry.hash, at: `${pointer}/hash` });
    return { name: entry.name, at: pointer };
  });
  draft.lists.set("secrets", entries);
  draft.claims = [...draft.claims.filter(({ kind }) => kind !== "defsecret"), ...claims];
}

function guardBlock(draft: Draft, block: Block, at: At & { readonly expected: Hash }): void {
  const hash = blockHash(manifestOf(draft, (kind, name) => draft.known.get(idOf(kind, name))?.hash ?? ZERO_HASH), block);
  if (hash === at.expected) return;
  fail(at, "/pre_hash", { code: "patch.pre_hash", message: `${block} is ${hash}, not ${at.expected}`, hint: "it changed since the patch was made" });
}

// --- the judgement

function judge(draft: Draft, { moduleHashes = new Map() }: ApplyOptions): { readonly linked: ReturnType<typeof link>; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const definitions = [...draft.known.values()].flatMap(({ node, at }) => {
    const inForce = node !== undefined && (at !== undefined || listed(draft, node.kind, node.name));
    return inForce ? [node] : [];
  });
  const input = { manifest: manifestOf(draft, () => ZERO_HASH), definitions, moduleHashes, unreadable: new Set<string>() };
  const linked = link(input, collector(findings));
  return { linked, findings: [...findings.sort(compareFindings), ...validate(linked.draft)] };
}

/** A finding where the document says what it is about. */
function inDocument(finding: Finding, draft: Draft, doc: PatchDoc): Problem {
  const { owner, severity, code, hint } = finding;
  const pointer = owner.kind === "manifest" ? pointerOfPart(finding.pointer, draft, doc) : pointerOfNode(owner, finding.pointer, draft);
  const place = `${owner.kind === "manifest" ? "manifest" : owner.name}${finding.pointer}`;
  const message = pointer === undefined ? `${place}: ${finding.message}` : finding.message;
  return { severity, code, pointer: pointer ?? "", message, ...(hint !== undefined && { hint }) };
}

function pointerOfNode({ kind, name }: Owner, inner: string, draft: Draft): string | undefined {
  const at = draft.known.get(idOf(kind as DefKind, name))?.at;
  return at === undefined ? undefined : at + inner;
}

/** Which operation sets what stands at a place of the manifest, and under which of its keys. */
const PARTS: readonly { readonly at: string; readonly op: PatchOp["op"]; readonly key: string }[] = [
  { at: "/routing/events", op: "set_routing_events", key: "/events" },
  { at: "/routing/inboxes", op: "set_routing_inboxes", key: "/inboxes" },
  { at: "/triggers", op: "set_triggers", key: "/triggers" },
  { at: "/module_bindings", op: "set_module_bindings", key: "/bindings" },
  { at: "/migrations", op: "set_migrations", key: "/migrations" },
  { at: "/defaults/policy", op: "set_defaults", key: "/policy" },
  { at: "/defaults/cap_grants", op: "set_defaults", key: "/cap_grants" },
];

function pointerOfPart(pointer: string, draft: Draft, doc: PatchDoc): string | undefined {
  const [, list, position] = pointer.split("/");
  const section = SECTIONS.find((entry) => entry.section === list)?.section;
  if (section !== undefined) {
    const entry = draft.lists.get(section)?.[Number(position)];
    return entry !== undefined && "name" in entry ? entry.at : undefined;
  }
  const part = PARTS.find(({ at }) => pointer === at || pointer.startsWith(`${at}/`));
  if (part === undefined) return undefined;
  const index = doc.patches.findLastIndex((op) => op.op === part.op && (op.op !== "set_defaults" || Object.hasOwn(op, part.key.slice(1))));
  return index < 0 ? undefined : `/patches/${index}/${part.op}${part.key}${pointer.slice(part.at.length)}`;
}

function diagnosticsOf(problems: readonly Problem[], { file = "patch", locate }: ApplyOptions): readonly Diagnostic[] {
  return problems
    .map(({ severity = "error", code, pointer, message, hint }): Diagnostic => {
      const { line, column } = locate?.(pointer) ?? { line: 1, column: 1 };
      return { severity, code, file, pointer, line, column, message, ...(hint !== undefined && { hint }) };
    })
    .sort((a, b) => a.line - b.line || a.column - b.column || compareText(a.pointer, b.pointer) || compareText(a.code, b.code) || compareText(a.message, b.message));
}
