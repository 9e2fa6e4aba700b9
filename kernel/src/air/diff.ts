// What a change of the control plane means: definitions by what differs in them, manifest sections, and authority in words.

import { authorityChanges } from "./diff-authority.ts";
import { detailsOf } from "./diff-details.ts";
import { sectionChanges } from "./diff-sections.ts";
import { idOf } from "./findings.ts";
import { SECTIONS } from "./link.ts";
import { compareText } from "./text.ts";
import type { ControlPlane, DefKind, Definition } from "./types.ts";
import type { Hash } from "./value.ts";

/** One definition that the two manifests do not have in common. Builtin ones count when they are listed or no longer listed. */
export interface DefChange {
  readonly kind: DefKind;
  readonly name: string;
  readonly change: "added" | "removed" | "changed";
  readonly before?: Hash;
  readonly after?: Hash;
  /** By meaning: "field `retries` added", "step `follow` added", "guard of edge a→b changed". */
  readonly details: readonly string[];
}

/** A change of what the world may do. Where it cannot be told, it is called widening: never neutral by mistake. */
export interface AuthorityChange {
  readonly effect: "widening" | "narrowing" | "neutral";
  /** What it is about, for example "grant `cap_http_followup`". */
  readonly subject: string;
  /** In words: "`http.out` may now reach 127.0.0.1 (GET)". */
  readonly text: string;
}

export type SectionName = "routing" | "triggers" | "defaults.policy" | "defaults.idempotency" | "cap_grants" | "module_bindings" | "secrets" | "effects" | "migrations";
export interface SectionChange {
  readonly section: SectionName;
  readonly details: readonly string[];
}

/** All lists are sorted; sections and kinds come in a fixed order. Equal manifests differ in nothing. */
export interface ControlDiff {
  readonly baseManifest: Hash | null;
  readonly nextManifest: Hash;
  readonly definitions: readonly DefChange[];
  readonly sections: readonly SectionChange[];
  readonly authority: readonly AuthorityChange[];
}

/**
 * Compares two control planes; without a base everything in `next` is new.
 * Two manifests that differ only in the order of their reference lists have different hashes and an otherwise empty diff.
 */
export function diffControl(base: ControlPlane | undefined, next: ControlPlane): ControlDiff {
  return {
    baseManifest: base?.manifestHash ?? null,
    nextManifest: next.manifestHash,
    definitions: definitionChanges(base, next),
    sections: sectionChanges(base, next),
    authority: authorityChanges(base, next),
  };
}

/** A definition that is listed, or that stands in a file. */
export interface Entry {
  readonly kind: DefKind;
  readonly name: string;
  readonly hash: Hash;
  /** Undefined for the catalog's. */
  readonly node: Definition | undefined;
}

function definitionChanges(base: ControlPlane | undefined, next: ControlPlane): readonly DefChange[] {
  return entryChanges(entriesOf(base), entriesOf(next));
}

/** Entries that the two sides do not have in common, sorted by kind, in the order of a manifest, and name. */
export function entryChanges(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): readonly DefChange[] {
  const kinds = SECTIONS.map(({ kind }) => kind);
  const ids = [...new Set([...before.keys(), ...after.keys()])];
  return ids
    .flatMap((id) => compareEntries(before.get(id), after.get(id)))
    .sort((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || compareText(a.name, b.name));
}

function compareEntries(before: Entry | undefined, after: Entry | undefined): readonly DefChange[] {
  const { kind, name } = (after ?? before) as Entry;
  const details = detailsOf(before?.node, after?.node);
  if (before === undefined && after !== undefined) return [{ kind, name, change: "added", after: after.hash, details }];
  if (before !== undefined && after === undefined) return [{ kind, name, change: "removed", before: before.hash, details }];
  if (before === undefined || after === undefined || before.hash === after.hash) return [];
  const told = details.length === 0 && before.node !== undefined && after.node !== undefined ? ["a list is written in another order, or repeats a member"] : details;
  return [{ kind, name, change: "changed", before: before.hash, after: after.hash, details: told }];
}

function entriesOf(control: ControlPlane | undefined): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  if (control === undefined) return entries;
  const nodes = new Map(control.nodes.map(({ node }) => [idOf(node.kind, node.name), node]));
  for (const { section, kind } of SECTIONS) {
    for (const ref of control.manifest[section] ?? []) {
      if ("alias" in ref) continue;
      const id = idOf(kind, ref.name);
      entries.set(id, { kind, name: ref.name, hash: ref.hash, node: nodes.get(id) });
    }
  }
  return entries;
}
