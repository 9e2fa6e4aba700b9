// Carries out the `workspace.*` effects: trees are nodes in the blob store, versions are cells of `sys/Workspace@1`.

import { canonical, decode } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import { parseHash } from "../air/hash.ts";
import { EMPTY_TREE, encodeTree, parseWorkspaceName } from "../air/tree-node.ts";
import { isMap } from "../air/value-path.ts";
import { integer, type Encodable, type Hash, type Value } from "../air/value.ts";
import { trieGet } from "../core/trie.ts";
import { cellKey, type World } from "../core/world.ts";
import type { Adapter, Blobs } from "../ports.ts";
import { annotate, annotations, diffTrees, findPath, readFile, removePath, walkTree, writeFile } from "../workspace/trees.ts";
import type { AdapterEnv } from "./env.ts";
import { answerCall, type Params } from "./params.ts";

/** What one receipt may hold: it goes into the journal. */
export const WORKSPACE_LIMITS = {
  /** Bytes of one read. */
  readBytes: 1 << 20,
  /** Bytes of a file of which a part is read. */
  fileBytes: 64 << 20,
  /** Entries of one listing, changes of one comparison. */
  entries: 10_000,
} as const;

interface Env {
  readonly blobs: Blobs;
  readonly world: () => World;
}
type Operation = (env: Env, params: Params, signal: AbortSignal) => Promise<Encodable>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "workspace.resolve": resolve,
  async "workspace.empty_root"({ blobs }, params) {
    parseWorkspaceName(params.text("workspace"));
    return { root_hash: await blobs.put(encodeTree(EMPTY_TREE)) };
  },
  "workspace.list": list,
  async "workspace.read_ref"({ blobs }, params) {
    const entry = await findPath(blobs, params.hash("root_hash"), params.text("path"));
    return entry === undefined ? null : { kind: entry.kind, hash: entry.hash, size: entry.size, mode: entry.mode };
  },
  "workspace.read_bytes": readBytes,
  async "workspace.write_bytes"({ blobs }, params) {
    const mode = params.maybeNat("mode");
    const file = { path: params.text("path"), bytes: params.bytes("bytes"), ...(mode === undefined ? {} : { mode: Number(mode) }) };
    const { root, blob } = await writeFile(blobs, params.hash("root_hash"), file);
    return { new_root_hash: root, blob_hash: blob };
  },
  async "workspace.remove"({ blobs }, params) {
    return { new_root_hash: await removePath(blobs, params.hash("root_hash"), params.text("path")) };
  },
  "workspace.diff": diff,
  async "workspace.annotations_get"({ blobs }, params) {
    const found = await annotations(blobs, params.hash("root_hash"), params.maybeText("path"));
    return { annotations: found ?? null };
  },
  async "workspace.annotations_set"({ blobs }, params) {
    const change = { ...pathOf(params), patch: patchOf(params) };
    const made = await annotate(blobs, params.hash("root_hash"), change);
    return { new_root_hash: made.root, annotations_hash: made.annotations };
  },
};

/**
 * The adapter `workspace`. Every effect is a function of stored bytes, but for `resolve`, which reads the world as it is durable
 * at the time of the call; so each may be sent again. What cannot be done is an `error` receipt without payload whose code is
 * that of the rule: `tree.not_found`, `tree.path`, `tree.missing` and so on, `air.hash`, `effect.params`. What is larger than a
 * receipt may hold is `tree.too_large`: read a file in ranges, list with a limit and the cursor of each page, compare directory
 * by directory with a prefix.
 */
export function workspaceAdapter({ blobs, world }: Pick<AdapterEnv, "blobs" | "world">): Adapter {
  return {
    id: "workspace",
    effects: Object.keys(OPERATIONS),
    resend: () => "again",
    run: (call) => answerCall(call, (params) => operation(call.effect)({ blobs, world }, params, call.signal)),
  };
}

function operation(effect: string): Operation {
  const found = OPERATIONS[effect];
  assert(found !== undefined, "an adapter is called for the effects it names");
  return found;
}

function pathOf(params: Params): { readonly path?: string } {
  const path = params.maybeText("path");
  return path === undefined ? {} : { path };
}

function patchOf(params: Params): ReadonlyMap<string, Hash | null> {
  return new Map([...params.pairs("annotations_patch")].map(([key, hash]) => {
    if (typeof key !== "string" || (hash !== null && typeof hash !== "string")) throw new AosError("effect.params", "annotations_patch: not a map of texts to hashes");
    return [key, hash === null ? null : parseHash(hash)] as const;
  }));
}

// --- the longer ones

async function resolve({ world }: Env, params: Params): Promise<Encodable> {
  const name = parseWorkspaceName(params.text("workspace"));
  const cell = trieGet(world().cells, cellKey("sys/Workspace@1", canonical(name)));
  if (cell === undefined) return { exists: false };
  const history = decode(cell.state);
  const head = fieldOf(history, "latest");
  const asked = params.maybeNat("version");
  const version = asked === undefined ? head : integer(asked);
  const versions = fieldOf(history, "versions");
  const meta: Value | undefined = isMap(versions) ? versions.get(version) : undefined;
  if (meta === undefined) return { exists: false };
  return { exists: true, resolved_version: version, head, root_hash: fieldOf(meta, "root_hash") };
}

function fieldOf(value: Value, field: string): Value {
  return isMap(value) ? value.get(field) ?? null : null;
}

/** `limit` 0 asks for all. The next page begins after the last path of this one. */
async function list({ blobs }: Env, params: Params, signal: AbortSignal): Promise<Encodable> {
  const scope = params.maybeText("scope") ?? "dir";
  if (scope !== "dir" && scope !== "subtree") throw new AosError("effect.params", `scope: ${JSON.stringify(scope)} is neither dir nor subtree`);
  const asked = params.nat("limit");
  const limit = asked === 0n || asked > BigInt(WORKSPACE_LIMITS.entries) ? undefined : Number(asked);
  const after = params.maybeText("cursor");
  const entries: Encodable[] = [];
  let last = "";
  for await (const { path, kind, hash, size, mode } of walkTree(blobs, params.hash("root_hash"), { ...pathOf(params), scope, ...(after === undefined ? {} : { after }) })) {
    signal.throwIfAborted();
    if (entries.length === limit) return { entries, next_cursor: last };
    if (entries.length === WORKSPACE_LIMITS.entries) throw tooLarge("the listing");
    entries.push({ path, kind, hash, size, mode });
    last = path;
  }
  return { entries, next_cursor: null };
}

async function readBytes({ blobs }: Env, params: Params): Promise<Encodable> {
  const path = params.text("path");
  const asked = params.maybeRecord("range");
  // Beyond what a number holds lies no file: such a range is refused as any that is not in the file.
  const range = asked === undefined ? undefined : { start: Number(asked.nat("start")), end: Number(asked.nat("end")) };
  if (range !== undefined && range.end - range.start > WORKSPACE_LIMITS.readBytes) throw tooLarge(path);
  const part = range === undefined ? { bytesMax: WORKSPACE_LIMITS.readBytes } : { bytesMax: WORKSPACE_LIMITS.fileBytes, range };
  return readFile(blobs, params.hash("root_hash"), { path, ...part });
}

/** A change of the mode alone is none: the entry's kind, hash and annotations are what a receipt tells. */
async function diff({ blobs }: Env, params: Params, signal: AbortSignal): Promise<Encodable> {
  const prefix = params.maybeText("prefix");
  const changes: Encodable[] = [];
  const roots = { before: params.hash("root_a"), after: params.hash("root_b") };
  for await (const { path, old, now } of diffTrees(blobs, roots, prefix === undefined ? {} : { prefix })) {
    signal.throwIfAborted();
    if (old?.kind === now?.kind && old?.hash === now?.hash && old?.annotations_hash === now?.annotations_hash) continue;
    if (changes.length === WORKSPACE_LIMITS.entries) throw tooLarge("the comparison");
    changes.push({ path, kind: (now ?? old)?.kind, old_hash: old?.hash ?? null, new_hash: now?.hash ?? null });
  }
  return { changes };
}

function tooLarge(place: string): AosError {
  return new AosError("tree.too_large", `${place}: more than one receipt may hold`);
}
