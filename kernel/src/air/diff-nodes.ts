// What differs between two lists of nodes by themselves, such as two AIR files: by definition and by meaning, without their worlds.

import { entryChanges, type DefChange, type Entry } from "./diff.ts";
import { refDetails, sectionChanges, type Sectioned } from "./diff-sections.ts";
import { idOf } from "./findings.ts";
import { ZERO_HASH } from "./hash.ts";
import { SECTIONS } from "./link.ts";
import { nodeHash } from "./serialize.ts";
import type { Manifest, Node } from "./types.ts";

/** Authority is not in it: what a change permits follows from both whole control planes. */
export interface NodesDiff {
  /** A plan, which has a hash only beside its schemas, and a module without code carry no hashes; plans are compared as they are written. */
  readonly definitions: readonly DefChange[];
  /** Of the manifests, reference lists included. */
  readonly sections: readonly { readonly section: string; readonly details: readonly string[] }[];
}

/** Compares nodes by kind and name; of equal names the last counts, and so it is with manifests. */
export function diffNodes(before: readonly Node[], after: readonly Node[]): NodesDiff {
  const [was, is] = [entriesOf(before), entriesOf(after)];
  const definitions = entryChanges(was, is).map((change) => {
    const id = idOf(change.kind, change.name);
    return withSureHashes(change, was.get(id)?.node, is.get(id)?.node);
  });
  return { definitions, sections: manifestChanges(manifestOf(before), manifestOf(after)) };
}

function entriesOf(nodes: readonly Node[]): ReadonlyMap<string, Entry> {
  return new Map(nodes.flatMap((node) => (node.kind === "manifest" ? [] : [[idOf(node.kind, node.name), { kind: node.kind, name: node.name, hash: nodeHash(node), node }] as const])));
}

/** Leaves out hashes that only a world, or a build, can give. */
function withSureHashes({ before, after, ...change }: DefChange, was: Node | undefined, is: Node | undefined): DefChange {
  return { ...change, ...(before !== undefined && isSure(was) && { before }), ...(after !== undefined && isSure(is) && { after }) };
}

function isSure(node: Node | undefined): boolean {
  return node?.kind !== "defplan" && (node?.kind !== "defmodule" || node.wasm_hash !== ZERO_HASH);
}

function manifestOf(nodes: readonly Node[]): Manifest | undefined {
  return nodes.findLast((node) => node.kind === "manifest");
}

function manifestChanges(before: Manifest | undefined, after: Manifest | undefined): NodesDiff["sections"] {
  if (after === undefined) return before === undefined ? [] : [{ section: "manifest", details: ["removed"] }];
  const version = before === undefined || before.air_version === after.air_version ? [] : [{ section: "air_version", details: [`changed from \`${before.air_version}\` to \`${after.air_version}\``] }];
  // What else names effects is one of the sections below.
  const lists = SECTIONS.filter(({ section }) => section !== "effects").map(({ section, noun }) => ({ section, details: refDetails(noun, before?.[section] ?? [], after[section] ?? []) }));
  const sections = sectionChanges(before && sectioned(before), sectioned(after)).map((change) => (change.section === "secrets" ? { ...change, section: "inline secrets" } : change));
  return [...version, ...lists.filter(({ details }) => details.length > 0), ...sections];
}

function sectioned(manifest: Manifest): Sectioned {
  return { manifest, secrets: (manifest.secrets ?? []).filter((entry) => "alias" in entry) };
}
