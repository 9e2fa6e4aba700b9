// `sys/Workspace@1`: the versions of one workspace, each a tree by its root; a cell is a workspace, its key the name.

import { AosError } from "../air/error.ts";
import { U64_MAX } from "../air/normalize.ts";
import { parseWorkspaceName } from "../air/tree-node.ts";
import { integer, type Encodable, type Value } from "../air/value.ts";
import type { NativeEvent } from "./sys-module.ts";
import { fieldOf, mapOf, natOf, textOf } from "./sys-value.ts";

/**
 * Takes `sys/WorkspaceCommit@1 {workspace, expected_head, meta}` into `sys/WorkspaceHistory@1 {latest, versions}`: the commit
 * becomes version `latest + 1`, the first one version 1. `expected_head`, where given, must be the latest version (0 of a
 * workspace that is not there), so that of two commits on one head the second is refused. That the root is stored is not
 * checked: storage is no part of the state.
 *
 * @throws AosError `tree.workspace_name`, `workspace.key` (the cell is another workspace's), `workspace.head_moved`,
 *   `workspace.full` (no number is left)
 */
export function commit(event: NativeEvent): Encodable {
  const name = parseWorkspaceName(textOf(fieldOf(event.value, "workspace")));
  if (event.key !== undefined && event.key !== name) {
    throw new AosError("workspace.key", `workspace ${name}: the commit came to the cell of ${JSON.stringify(event.key)}`);
  }
  const latest = event.state === null ? 0n : natOf(fieldOf(event.state, "latest"));
  const expected = fieldOf(event.value, "expected_head");
  if (expected !== null && natOf(expected) !== latest) {
    throw new AosError("workspace.head_moved", `workspace ${name}: the commit is on version ${natOf(expected)}, the head is ${latest}`, {
      class: "refused", hint: "read the head again and commit on it",
    });
  }
  if (latest === U64_MAX) throw new AosError("workspace.full", `workspace ${name}: there is no version after ${latest}`);
  const versions = event.state === null ? [] : [...mapOf(fieldOf(event.state, "versions"))].sort(([a], [b]) => ascending(natOf(a), natOf(b)));
  const next = integer(latest + 1n);
  return { latest: next, versions: new Map([...versions.map(([version, meta]) => [version, metaOf(meta)] as const), [next, metaOf(fieldOf(event.value, "meta"))]]) };
}

function metaOf(meta: Value): Encodable {
  return { root_hash: fieldOf(meta, "root_hash"), owner: fieldOf(meta, "owner"), created_at: fieldOf(meta, "created_at") };
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
