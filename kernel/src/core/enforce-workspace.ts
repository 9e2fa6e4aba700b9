// What a grant of `workspace` lets through.

import { isSegment } from "../air/tree-node.ts";
import type { Value } from "../air/value.ts";
import { ADMITTED, limitOf, refused } from "./cap-check.ts";
import type { CapCheck } from "./cap-check.ts";

/** What a grant calls each effect, and the param that holds the path it is about; `none` for effects that have no path. */
const OPS: ReadonlyMap<string, { readonly op: string; readonly path: "path" | "prefix" | "none" }> = new Map([
  ["workspace.resolve", { op: "resolve", path: "none" }],
  ["workspace.empty_root", { op: "write", path: "none" }],
  ["workspace.list", { op: "list", path: "path" }],
  ["workspace.read_ref", { op: "read", path: "path" }],
  ["workspace.read_bytes", { op: "read", path: "path" }],
  ["workspace.write_bytes", { op: "write", path: "path" }],
  ["workspace.remove", { op: "write", path: "path" }],
  ["workspace.diff", { op: "diff", path: "prefix" }],
  ["workspace.annotations_get", { op: "read", path: "path" }],
  ["workspace.annotations_set", { op: "write", path: "path" }],
]);

/**
 * Does a grant of `workspace` admit an effect?
 *
 * `capParams` are normalised params like those of `sys/workspace@1`: `workspaces`, `path_prefixes`, `ops`. An absent or null
 * list does not restrict; an empty list admits nothing.
 * - `ops`: `resolve`, `list`, `read`, `diff` and `write` (empty root, write, remove, set annotations).
 * - `workspaces` is compared with the workspace an effect names. Effects on trees name a root hash, which belongs to no
 *   workspace: whoever holds a root may use it. Which workspaces can be found is decided at `resolve`, and what a commit
 *   may change by the routes of `sys/WorkspaceCommit@1`.
 * - `path_prefixes` are compared by segments, slashes at either end aside: `src` and `src/` admit `src` and `src/a`, not
 *   `srcs`. An effect on the root of a tree is admitted only by the prefix that is empty; so is a path no tree can have.
 *
 * Codes, in the order of the checks: `effect_kind_mismatch`, `cap_params_invalid`, `effect_params_invalid`,
 * `op_not_allowed`, `workspace_not_allowed`, `path_not_allowed`.
 */
export function checkWorkspace(capParams: Value, call: { readonly effect: string; readonly params: Value }): CapCheck {
  const kind = OPS.get(call.effect);
  if (kind === undefined) return refused("effect_kind_mismatch", `the enforcer does not judge ${call.effect}`);
  const workspaces = limitOf(capParams, "workspaces", "text");
  const prefixes = limitOf(capParams, "path_prefixes", "text");
  const ops = limitOf(capParams, "ops", "text");
  if (workspaces === "invalid" || prefixes === "invalid" || ops === "invalid") {
    return refused("cap_params_invalid", "the grant's params are not those of workspace");
  }
  const named = textOrNull(call.params, "workspace");
  const path = kind.path === "none" ? null : textOrNull(call.params, kind.path);
  if (named === "invalid" || path === "invalid" || (kind.path === "none" && named === null)) {
    return refused("effect_params_invalid", `the params are not those of ${call.effect}`);
  }
  if (ops !== "unrestricted" && !ops.includes(kind.op)) return refused("op_not_allowed", `the grant does not name the operation ${kind.op}`);
  if (named !== null && workspaces !== "unrestricted" && !workspaces.includes(named.text)) {
    return refused("workspace_not_allowed", `the grant does not name the workspace ${JSON.stringify(named.text)}`);
  }
  if (kind.path !== "none" && prefixes !== "unrestricted" && !prefixes.some((prefix) => admits(prefix, path?.text ?? ""))) {
    return refused("path_not_allowed", `the grant does not reach the path ${JSON.stringify(path?.text ?? "")}`);
  }
  return ADMITTED;
}

function admits(prefix: string, path: string): boolean {
  const allowed = segmentsOf(prefix);
  if (allowed.length === 0) return true;
  const asked = path.split("/");
  return asked.every(isSegment) && allowed.every((segment, index) => asked[index] === segment);
}

function segmentsOf(prefix: string): readonly string[] {
  return prefix.split("/").filter((segment) => segment !== "");
}

function textOrNull(params: Value, field: string): { readonly text: string } | null | "invalid" {
  if (!(params instanceof Map)) return "invalid";
  const value: Value | undefined = params.get(field);
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? { text: value } : "invalid";
}
