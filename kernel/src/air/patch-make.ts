// The shortest patch document that turns one control plane into another, and what a document changes, in a few words.

import { BUILTIN_MODULES } from "./catalog.ts";
import { assert } from "./error.ts";
import { idOf } from "./findings.ts";
import { hashValue } from "./hash.ts";
import { SECTIONS } from "./link.ts";
import { blockHash } from "./patch.ts";
import { blockValue, type Block, type PatchDoc, type PatchOp, type RefAdd, type RefRemove } from "./patch-parse.ts";
import { compareText } from "./text.ts";
import type { ControlPlane, DefKind, Definition, ManifestRef, SecretDecl } from "./types.ts";
import type { Hash } from "./value.ts";

/**
 * Makes the patch from `base` to `next`: applied to `base` it gives `next`, hash for hash. It holds an operation only for what
 * differs; for equal control planes it holds none, and no document without operations can be read back.
 */
export function makePatch(base: ControlPlane, next: ControlPlane): PatchDoc {
  const changes = SECTIONS.map(({ section, kind }) => changesOf(kind, sideOf(base, section, kind), sideOf(next, section, kind)));
  const add = changes.flatMap((change) => change.add);
  const remove = changes.flatMap((change) => change.remove);
  const patches: PatchOp[] = [
    ...changes.flatMap((change) => (change.whole === undefined ? [] : [setSecrets(base, change.whole)])),
    ...(add.length + remove.length === 0 ? [] : [{ op: "set_manifest_refs" as const, ...(add.length > 0 && { add }), ...(remove.length > 0 && { remove }) }]),
    ...changes.flatMap((change) => change.defs),
    ...defaultsOps(base, next),
    ...blockOps(base, next),
  ];
  return { version: "1", base_manifest_hash: base.manifestHash, patches };
}

// --- definitions and references

interface Side {
  readonly list: readonly (ManifestRef | SecretDecl)[];
  /** By name; the catalog's are not in it. */
  readonly nodes: ReadonlyMap<string, Definition>;
}
interface Changes {
  readonly defs: readonly PatchOp[];
  readonly add: readonly RefAdd[];
  readonly remove: readonly RefRemove[];
  /** The whole list, where it holds what has no name. */
  readonly whole?: readonly (ManifestRef | SecretDecl)[];
}

function sideOf(control: ControlPlane, section: (typeof SECTIONS)[number]["section"], kind: DefKind): Side {
  const nodes = control.nodes.flatMap(({ node }) => (node.kind === kind ? [[node.name, node] as const] : []));
  return { list: control.manifest[section] ?? [], nodes: new Map<string, Definition>(nodes) };
}

function refsOf({ list }: Side): readonly ManifestRef[] {
  return list.filter((entry) => "name" in entry);
}

function changesOf(kind: DefKind, base: Side, next: Side): Changes {
  const [before, after] = [refsOf(base), refsOf(next)];
  const old = new Map(before.map((ref, index) => [ref.name, { ...ref, index }]));
  const names = new Set(after.map((ref) => ref.name));
  const replaced = after.flatMap((ref): readonly PatchOp[] => {
    const was = old.get(ref.name);
    return was === undefined || was.hash === ref.hash ? [] : [{ op: "replace_def", name: ref.name, pre_hash: was.hash, new_node: nodeOf(ref.name, next) }];
  });
  const added = after.flatMap((ref): readonly PatchOp[] => {
    const node = next.nodes.get(ref.name);
    return old.has(ref.name) || node === undefined ? [] : [{ op: "add_def", node }];
  });
  if ([...base.list, ...next.list].some((entry) => "alias" in entry)) {
    const same = hashValue(blockValue({ secrets: base.list }, "secrets")) === hashValue(blockValue({ secrets: next.list }, "secrets"));
    return { defs: [...replaced, ...added], add: [], remove: [], ...(!same && { whole: next.list }) };
  }
  const gone = before.filter(({ name }) => !names.has(name));
  const isDefinition = ({ name }: ManifestRef): boolean => base.nodes.has(name) && !name.startsWith("sys/");
  const removed = gone.filter(isDefinition).map(({ name, hash }): PatchOp => ({ op: "remove_def", kind, name, pre_hash: hash }));
  const tail = after.slice(keptCount(after, old));
  const inOrder = tail.every(({ name }) => !old.has(name) && next.nodes.has(name));
  const moved = tail.filter(({ name }) => old.has(name));
  return {
    defs: [...removed, ...replaced, ...added],
    add: inOrder ? [] : tail.map(({ name, hash }) => ({ kind, name, hash })),
    remove: [...gone.filter((ref) => !isDefinition(ref)), ...moved].map(({ name }) => ({ kind, name })),
  };
}

/** How many at the head of `after` stand in the order they had: the rest is taken out and appended. */
function keptCount(after: readonly ManifestRef[], old: ReadonlyMap<string, { readonly index: number }>): number {
  let last = -1;
  for (const [count, { name }] of after.entries()) {
    const index = old.get(name)?.index ?? -1;
    if (index <= last) return count;
    last = index;
  }
  return after.length;
}

function nodeOf(name: string, side: Side): Definition {
  const node = side.nodes.get(name) ?? BUILTIN_MODULES.get(name);
  assert(node !== undefined, "a reference whose hash changes names a definition");
  return node;
}

function setSecrets(base: ControlPlane, secrets: readonly (ManifestRef | SecretDecl)[]): PatchOp {
  return { op: "set_secrets", pre_hash: blockHash(base.manifest, "secrets"), secrets };
}

// --- the other sections

function defaultsOps(base: ControlPlane, next: ControlPlane): readonly PatchOp[] {
  const [before, after] = [base.manifest.defaults, next.manifest.defaults];
  if (after === undefined) return before === undefined ? [] : [{ op: "remove_section", section: "defaults", pre_hash: blockHash(base.manifest, "defaults") }];
  const policy = before?.policy === after.policy ? {} : { policy: after.policy ?? null };
  const grants = blockHash(base.manifest, "cap_grants") === blockHash(next.manifest, "cap_grants") ? {} : { cap_grants: after.cap_grants ?? [] };
  const idempotency = before?.idempotency === after.idempotency ? {} : { idempotency: after.idempotency ?? null };
  const op: PatchOp = { op: "set_defaults", ...policy, ...grants, ...idempotency };
  return before === undefined || Object.keys(op).length > 1 ? [op] : [];
}

function blockOps(base: ControlPlane, next: ControlPlane): readonly PatchOp[] {
  const [before, after] = [base.manifest, next.manifest];
  const pre_hash = (block: Block): Hash => blockHash(before, block);
  const differs = (block: Block): boolean => pre_hash(block) !== blockHash(after, block);
  const ops: PatchOp[] = [];
  if (after.routing === undefined) {
    if (before.routing !== undefined) ops.push({ op: "remove_section", section: "routing", pre_hash: pre_hash("routing") });
  } else {
    const { events = [], inboxes = [] } = after.routing;
    const isNew = before.routing === undefined && events.length + inboxes.length === 0;
    if (isNew || differs("routing_events")) ops.push({ op: "set_routing_events", pre_hash: pre_hash("routing_events"), events });
    if (differs("routing_inboxes")) ops.push({ op: "set_routing_inboxes", pre_hash: pre_hash("routing_inboxes"), inboxes });
  }
  if (differs("triggers")) ops.push({ op: "set_triggers", pre_hash: pre_hash("triggers"), triggers: after.triggers ?? [] });
  if (differs("module_bindings")) ops.push({ op: "set_module_bindings", pre_hash: pre_hash("module_bindings"), bindings: after.module_bindings ?? new Map() });
  if (differs("migrations")) ops.push({ op: "set_migrations", pre_hash: pre_hash("migrations"), migrations: after.migrations ?? [] });
  return ops;
}

// --- in a few words

type PatchSection = "defaults" | "manifest_refs" | "migrations" | "module_bindings" | "routing_events" | "routing_inboxes" | "secrets" | "triggers";

/** What `sys/GovPatchSummary@1` says of a patch, but for its hashes. All lists sorted and free of duplicates. */
export interface PatchSummary {
  readonly ops: readonly PatchOp["op"][];
  readonly def_changes: readonly { readonly kind: DefKind; readonly name: string; readonly action: "added" | "changed" | "removed" }[];
  readonly manifest_sections: readonly PatchSection[];
}

const SECTION_OF: { readonly [Op in PatchOp["op"]]?: PatchSection } = {
  set_manifest_refs: "manifest_refs", set_defaults: "defaults", set_routing_events: "routing_events", set_routing_inboxes: "routing_inboxes",
  set_triggers: "triggers", set_module_bindings: "module_bindings", set_secrets: "secrets", set_migrations: "migrations",
};

/**
 * Sums up a document. References that only change their place are no change of a definition; references that come and go
 * without one (builtin names) are.
 */
export function patchSummary(doc: PatchDoc): PatchSummary {
  const actions = new Map<string, PatchSummary["def_changes"][number]>();
  const note = (kind: DefKind, name: string, action: "added" | "changed" | "removed"): void => void actions.set(idOf(kind, name), { kind, name, action });
  for (const op of doc.patches) {
    if (op.op !== "set_manifest_refs") continue;
    const added = new Set((op.add ?? []).map(({ kind, name }) => idOf(kind, name)));
    const removed = new Set((op.remove ?? []).map(({ kind, name }) => idOf(kind, name)));
    for (const { kind, name } of op.remove ?? []) if (!added.has(idOf(kind, name))) note(kind, name, "removed");
    for (const { kind, name } of op.add ?? []) if (!removed.has(idOf(kind, name))) note(kind, name, "added");
  }
  for (const op of doc.patches) {
    if (op.op === "add_def") note(op.node.kind, op.node.name, "added");
    else if (op.op === "replace_def") note(op.new_node.kind, op.name, "changed");
    else if (op.op === "remove_def") note(op.kind, op.name, "removed");
  }
  const sections = doc.patches.flatMap((op): readonly PatchSection[] => {
    if (op.op === "remove_section") return op.section === "defaults" ? ["defaults"] : ["routing_events", "routing_inboxes"];
    const section = SECTION_OF[op.op];
    return section === undefined ? [] : [section];
  });
  return {
    ops: [...new Set(doc.patches.map(({ op }) => op))].sort(compareText),
    def_changes: [...actions.values()].sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name) || compareText(a.action, b.action)),
    manifest_sections: [...new Set(sections)].sort(compareText),
  };
}
