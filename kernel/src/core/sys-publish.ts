// `sys/HttpPublish@1`: which workspaces are published under which routes, and how a request finds its rule.

import { AosError } from "../air/error.ts";
import { isSegment, parseWorkspaceName } from "../air/tree-node.ts";
import type { Encodable, Value } from "../air/value.ts";
import type { NativeEvent } from "./sys-module.ts";
import { fieldOf, mapOf, textOf } from "./sys-value.ts";

const CACHES = ["etag", "immutable"];

/**
 * Takes `sys/HttpPublishSet@1 {id, rule}` into `sys/HttpPublishRegistry@1 {rules}`: sets the rule of that id, or, without one,
 * deletes it. A rule is stored as it was sent.
 *
 * @throws AosError `publish.route`, `publish.path`, `tree.workspace_name`, `publish.cache` for a rule that no request could be
 *   answered by: `immutable` needs a pinned version
 */
export function publish(event: NativeEvent): Encodable {
  const rules = new Map<string, Encodable>();
  if (event.state !== null) for (const [id, rule] of mapOf(fieldOf(event.state, "rules"))) rules.set(textOf(id), ruleOf(rule));
  const id = textOf(fieldOf(event.value, "id"));
  const rule = fieldOf(event.value, "rule");
  if (rule === null) {
    rules.delete(id);
  } else {
    checkRule(id, rule);
    rules.set(id, ruleOf(rule));
  }
  return { rules };
}

function checkRule(id: string, rule: Value): void {
  const workspace = fieldOf(rule, "workspace");
  parseWorkspaceName(textOf(fieldOf(workspace, "workspace")));
  const prefix = textOf(fieldOf(rule, "route_prefix"));
  if (!prefix.startsWith("/")) throw new AosError("publish.route", `rule ${id}: the route ${JSON.stringify(prefix)} does not begin with a slash`);
  readTarget(prefix);
  for (const path of [fieldOf(workspace, "path"), fieldOf(rule, "default_doc")]) {
    if (path !== null) joinPath(undefined, textOf(path));
  }
  const cache = textOf(fieldOf(rule, "cache"));
  if (!CACHES.includes(cache)) throw new AosError("publish.cache", `rule ${id}: ${JSON.stringify(cache)} is no way to cache`, { hint: "say etag or immutable" });
  if (cache === "immutable" && fieldOf(workspace, "version") === null) {
    throw new AosError("publish.cache", `rule ${id}: what is immutable has a pinned version`, { hint: "name a version of the workspace, or cache by etag" });
  }
}

function ruleOf(rule: Value): Encodable {
  const workspace = fieldOf(rule, "workspace");
  return {
    route_prefix: fieldOf(rule, "route_prefix"),
    workspace: { workspace: fieldOf(workspace, "workspace"), version: fieldOf(workspace, "version"), path: fieldOf(workspace, "path") },
    default_doc: fieldOf(rule, "default_doc"), allow_dir_listing: fieldOf(rule, "allow_dir_listing"), cache: fieldOf(rule, "cache"),
  };
}

// --- from a request to a path in a workspace

/** A request's target, read. */
export interface Target {
  /** Names between the slashes; none for `/`. */
  readonly segments: readonly string[];
  /** Whether it ends with a slash, as the target of a directory does; `/` does. */
  readonly trailingSlash: boolean;
}

/**
 * Reads the target of a request: query and fragment dropped, percent escapes decoded, runs of slashes made one.
 *
 * @throws AosError `publish.path` for a bad escape, `.` and `..`, and characters that no name in a workspace has
 */
export function readTarget(target: string): Target {
  const [raw = ""] = target.split(/[?#]/, 1);
  const path = raw.replace(/%(.{0,2})/g, (escape, digits: string) => {
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) throw new AosError("publish.path", `${JSON.stringify(target)}: ${JSON.stringify(escape)} is no percent escape`);
    return String.fromCharCode(Number.parseInt(digits, 16));
  });
  return { segments: segmentsOf(path, target), trailingSlash: path.endsWith("/") };
}

/** Does a route admit a target, and what of the target comes after it? Whole segments are compared: `/app` admits `/app/x`, not `/apple`. */
function underRoute(route: string, target: Target): readonly string[] | undefined {
  const prefix = readTarget(route).segments;
  return prefix.every((segment, index) => target.segments[index] === segment) ? target.segments.slice(prefix.length) : undefined;
}

/**
 * The route that answers a target: the longest that admits it.
 *
 * @returns the route and the path below it; undefined when none admits it
 */
export function routeOf(routes: Iterable<string>, target: Target): { readonly route: string; readonly rest: string } | undefined {
  let best: { readonly route: string; readonly rest: readonly string[] } | undefined;
  for (const route of routes) {
    const rest = underRoute(route, target);
    if (rest !== undefined && (best === undefined || rest.length < best.rest.length)) best = { route, rest };
  }
  return best === undefined ? undefined : { route: best.route, rest: best.rest.join("/") };
}

/** A path below a base, both relative to a workspace's root; slashes at their ends do not count. @throws AosError `publish.path` */
export function joinPath(base: string | undefined, rest: string): string {
  return [...segmentsOf(base ?? "", base ?? ""), ...segmentsOf(rest, rest)].join("/");
}

function segmentsOf(path: string, shown: string): readonly string[] {
  const segments = path.split("/").filter((segment) => segment !== "");
  const wrong = segments.find((segment) => !isSegment(segment));
  if (wrong !== undefined) throw new AosError("publish.path", `${JSON.stringify(shown)}: ${JSON.stringify(wrong)} is no name in a workspace`);
  return segments;
}
