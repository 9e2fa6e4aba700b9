// The versions of workspaces as a world's state holds them: one cell of `sys/Workspace@1` each.

import { canonical, cellKey, cellsOf, decode, isHash, trieGet, type Hash, type Value, type World } from "@agentos/kernel";

export const WORKSPACE_REDUCER = "sys/Workspace@1";
export const WORKSPACE_COMMIT = "sys/WorkspaceCommit@1";

export interface WorkspaceVersion {
  readonly version: bigint;
  readonly root: Hash;
  readonly owner: string;
  /** Nanoseconds since 1970, as whoever committed it said. */
  readonly createdNs: bigint;
}
export interface WorkspaceHistory {
  readonly name: string;
  /** The latest version; 0: there is none. */
  readonly head: bigint;
  /** Ascending, without gaps, from 1. */
  readonly versions: readonly WorkspaceVersion[];
}

/** The history of one workspace; undefined where nothing was ever committed. */
export function workspaceHistory(world: World, name: string): WorkspaceHistory | undefined {
  const cell = trieGet(world.cells, cellKey(WORKSPACE_REDUCER, canonical(name)));
  return cell === undefined ? undefined : readHistory(name, decode(cell.state));
}

/** All workspaces, by name. */
export function workspaceNames(world: World): readonly string[] {
  const names: string[] = [];
  for (let after: string | undefined, more = true; more; ) {
    const page = cellsOf(world, WORKSPACE_REDUCER, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const { key } of page.cells) {
      const name = key === undefined ? undefined : decode(key);
      if (typeof name === "string") names.push(name);
    }
    [after, more] = [page.next, page.next !== undefined];
  }
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

const PAGE = 1000;

/** The version of that number, or the head without one; undefined where there is none. */
export function versionOf(history: WorkspaceHistory, version: bigint | undefined): WorkspaceVersion | undefined {
  const wanted = version ?? history.head;
  const found = history.versions[Number(wanted) - 1];
  return found?.version === wanted ? found : history.versions.find((one) => one.version === wanted);
}

function readHistory(name: string, state: Value): WorkspaceHistory {
  const metas = fieldOf(state, "versions");
  const versions = [...(metas instanceof Map ? (metas as ReadonlyMap<Value, Value>) : new Map<Value, Value>())].map(([version, meta]) => versionFrom(version, meta));
  return { name, head: natOf(fieldOf(state, "latest")), versions: versions.sort((a, b) => (a.version < b.version ? -1 : 1)) };
}

function versionFrom(version: Value, meta: Value): WorkspaceVersion {
  const [root, owner] = [fieldOf(meta, "root_hash"), fieldOf(meta, "owner")];
  return {
    version: natOf(version), root: typeof root === "string" && isHash(root) ? root : trustworthy("a root hash"), owner: typeof owner === "string" ? owner : "",
    createdNs: natOf(fieldOf(meta, "created_at")),
  };
}

/** The reducer's state fits its schema. */
function trustworthy(what: string): never {
  throw new TypeError(`the history of a workspace holds ${what}`);
}

function natOf(value: Value): bigint {
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : trustworthy("whole numbers");
}

function fieldOf(value: Value, field: string): Value {
  return value instanceof Map ? ((value as ReadonlyMap<Value, Value>).get(field) ?? null) : null;
}
