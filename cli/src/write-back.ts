// A control plane written back into the AIR files of a folder: what did not change keeps its place, its text and its comments.

import { AosError, assert, bareValue, compareText, formatAir, jsonOf, mergeAir, nodeValue, valueToJson, withoutComments, writeJson, type ControlPlane, type Definition, type Json, type Manifest, type Value } from "@agentos/kernel";
import { loadWorld, requireControl, type WorldFiles } from "@agentos/controller";
import { nodesOfText, type NodeText } from "./air-text.ts";

/** By path in the world; an undefined text takes the file away. */
type TextChanges = ReadonlyMap<string, string | undefined>;

/** Keys of a node that its author wrote for people and editors; they reach no hash. */
const PROSE: readonly string[] = ["$schema", "$comment", "description"];

/**
 * The files that differ once the folder holds `next` in the place of `base`. A definition stays in the file it is in, a new one
 * goes to `<air>/<kind>.air.json`. Inside of one that changed, and of the manifest, comments stay with what they are about.
 *
 * @param texts - all AIR files by path
 */
export function textChanges(texts: ReadonlyMap<string, string>, worlds: { readonly airDir: string; readonly base: ControlPlane; readonly next: ControlPlane }): TextChanges {
  const { airDir, base, next } = worlds;
  const before = new Map(base.nodes.map(({ node, hash }) => [idOf(node), hash]));
  const after = new Map(next.nodes.map((one) => [idOf(one.node), one]));
  const placed = new Set<string>();
  const changes = new Map<string, string | undefined>();
  for (const [path, text] of texts) {
    const edits: Edit[] = [];
    for (const node of nodesOfText(text, path)) {
      const id = idOf(node);
      const now = after.get(id);
      if (now !== undefined) placed.add(id);
      if (node.kind === "manifest") {
        if (base.manifestHash !== next.manifestHash) edits.push({ node, text: mergeAir(text.slice(node.start, node.end), manifestJson(next.manifest, node), path) });
      } else if (now === undefined) {
        if (before.has(id)) edits.push({ node, text: undefined });
      } else if (now.hash !== before.get(id)) {
        edits.push({ node, text: mergeAir(text.slice(node.start, node.end), nodeJson(now.node, node), path) });
      }
    }
    if (edits.length > 0) changes.set(path, edited(text, edits, path));
  }
  const fresh = next.nodes.map(({ node }) => node).filter((node) => !placed.has(idOf(node))).sort((a, b) => compareText(a.name, b.name));
  for (const kind of [...new Set(fresh.map((node) => node.kind))].sort(compareText)) {
    const path = `${airDir}/${kind.replace(/^def/, "")}.air.json`;
    const here = changes.has(path) ? changes.get(path) : texts.get(path);
    changes.set(path, appended(here, fresh.filter((node) => node.kind === kind).map((node) => writeJson(nodeJson(node, undefined))), path));
  }
  for (const [path, text] of changes) if (text === texts.get(path)) changes.delete(path);
  return changes;
}

/** @throws AosError `patch.writeback` when the changed files would not load as exactly `next` */
export async function requireSame(files: WorldFiles, changes: TextChanges, next: ControlPlane): Promise<void> {
  const overlay: WorldFiles = {
    ...files,
    async read(path) {
      const text = changes.get(path);
      return changes.has(path) ? (text === undefined ? undefined : new TextEncoder().encode(text)) : files.read(path);
    },
    async list(folder) {
      const inside = [...changes.keys()].filter((path) => path.startsWith(`${folder}/`));
      return [...new Set([...(await files.list(folder)), ...inside])].filter((path) => !changes.has(path) || changes.get(path) !== undefined).sort(compareText);
    },
  };
  const control = requireControl(await loadWorld(overlay), files.place);
  if (control.manifestHash === next.manifestHash) return;
  throw new AosError("patch.writeback", `${files.place}: the files would hold manifest ${control.manifestHash}, and the patch gives ${next.manifestHash}`, {
    hint: "it gives something that AIR files cannot say; nothing was written",
  });
}

interface Edit {
  readonly node: NodeText;
  /** Undefined: it goes. */
  readonly text: string | undefined;
}

/** The file with its edits, formatted; undefined when no node is left in it. */
function edited(text: string, edits: readonly Edit[], path: string): string | undefined {
  const nodes = nodesOfText(text, path);
  const gone = edits.filter((edit) => edit.text === undefined).length;
  if (gone === nodes.length) return undefined;
  let result = text;
  // From the back, so that the offsets before stay; a comma goes with what it follows, or with what it leads to.
  for (const { node, text: now } of [...edits].sort((a, b) => b.node.start - a.node.start)) {
    result = now === undefined ? cut(result, node) : result.slice(0, node.start) + now + result.slice(node.end);
  }
  return formatAir(result, path);
}

function cut(text: string, { start, end }: NodeText): string {
  const bare = withoutComments(text, "");
  const behind = /^\s*,/.exec(bare.slice(end));
  if (behind !== null) return text.slice(0, start) + text.slice(end, end + behind[0].length - 1) + text.slice(end + behind[0].length);
  const comma = bare.slice(0, start).trimEnd().length - 1;
  const follows = bare[comma] === ",";
  return (follows ? text.slice(0, comma) + text.slice(comma + 1, start) : text.slice(0, start)) + text.slice(end);
}

function appended(text: string | undefined, nodes: readonly string[], path: string): string {
  const there = text === undefined ? [] : nodesOfText(text, path);
  const more = nodes.join(",\n");
  const last = there.at(-1);
  if (text === undefined || last === undefined) return formatAir(`[${more}]`, path);
  const joined = `${text.slice(0, last.end)},\n${more}${text.slice(last.end)}`;
  if (last.index !== undefined) return formatAir(joined, path);
  // A file of one node becomes a list of them; what stands before and behind it stays there.
  const inner = `${text.slice(last.start, last.end)},\n${more}`;
  return formatAir(`${text.slice(0, last.start)}[${inner}]${text.slice(last.end)}`, path);
}

function nodeJson(node: Definition, before: NodeText | undefined): Json {
  return withProse(valueToJson(jsonOf(nodeValue(node)) as Value), before);
}

/** References without hashes, as authors write them, unless the manifest pinned them before. */
function manifestJson(manifest: Manifest, before: NodeText): Json {
  const pinned = [...before.tree.values()].some((section) => Array.isArray(section) && (section as readonly Json[]).some((ref) => ref instanceof Map && ref.has("name") && ref.has("hash")));
  const bare = valueToJson(jsonOf(bareValue(manifest)) as Value);
  assert(bare instanceof Map, "a manifest is an object");
  const members = [...(bare as ReadonlyMap<string, Json>)].map(([key, value]): readonly [string, Json] => [key, pinned || !LISTS.has(key) ? value : unpinned(value)]);
  return withProse(new Map<string, Json>([["$kind", "manifest"], ...members]), before);
}

const LISTS: ReadonlySet<string> = new Set(["schemas", "modules", "plans", "caps", "policies", "effects", "secrets"]);

function unpinned(section: Json): Json {
  return (section as readonly Json[]).map((ref) => {
    const entry = ref as ReadonlyMap<string, Json>;
    return entry.has("alias") ? entry : new Map([["name", entry.get("name") ?? ""]]);
  });
}

function withProse(json: Json, before: NodeText | undefined): Json {
  assert(json instanceof Map, "a node is an object");
  const kept = PROSE.flatMap((key): readonly (readonly [string, Json])[] => {
    const value = before?.tree.get(key);
    return value === undefined ? [] : [[key, value]];
  });
  return new Map<string, Json>([...(json as ReadonlyMap<string, Json>), ...kept]);
}

function idOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind} ${name}`;
}
