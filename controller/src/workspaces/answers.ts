// What is told of workspaces, by a running world and by a replayed one alike: as JSON, since it goes over a socket.

import { AosError, parseWorkspaceName, type Hash, type World } from "@agentos/kernel";
import { timeText } from "../control/views.ts";
import type { ControlRequest } from "../control/exchange.ts";
import { versionOf, WORKSPACE_COMMIT, WORKSPACE_REDUCER, workspaceHistory, workspaceNames, type WorkspaceHistory, type WorkspaceVersion } from "./history.ts";

/** A version; numbers that JavaScript could round are text. */
export interface VersionRow {
  readonly version: number;
  readonly root: Hash;
  readonly owner: string;
  /** RFC 3339, as whoever committed it said. */
  readonly created: string;
}
export interface WorkspaceRow extends VersionRow {
  readonly workspace: string;
}
/** What a name and a version lead to; without `found` there is no such workspace or version. */
export interface Resolved {
  readonly workspace: string;
  /** The latest version; 0: there is no such workspace. */
  readonly head: number;
  readonly found?: VersionRow;
  /** Only where it is so: the world takes no versions, since nothing routes them to `sys/Workspace@1`. */
  readonly unrouted?: true;
  readonly seq: number;
}

type Asked = Pick<ControlRequest, "path" | "query">;

/** `GET /workspaces`: each with its head. */
export function readWorkspaces(world: World): { readonly workspaces: readonly WorkspaceRow[]; readonly seq: number } {
  const histories = workspaceNames(world).map((name) => workspaceHistory(world, name)).filter((found): found is WorkspaceHistory => found !== undefined);
  const rows = histories.flatMap((history) => {
    const head = versionOf(history, undefined);
    return head === undefined ? [] : [{ workspace: history.name, ...rowOf(head) }];
  });
  return { workspaces: rows, seq: world.nextSeq };
}

/** `GET /workspaces/<name>?version=`: the head without a version. @throws AosError `tree.workspace_name`, `control.query` */
export function readWorkspace(world: World, asked: Asked): Resolved {
  const history = workspaceHistory(world, nameIn(asked));
  const version = asked.query.get("version");
  if (version !== null && !/^\d{1,20}$/.test(version)) throw new AosError("control.query", `${asked.path}: version must be a count`);
  const found = history === undefined ? undefined : versionOf(history, version === null ? undefined : BigInt(version));
  return { workspace: nameIn(asked), head: Number(history?.head ?? 0n), ...(found === undefined ? {} : { found: rowOf(found) }), ...(isRouted(world) ? {} : { unrouted: true }), seq: world.nextSeq };
}

function isRouted({ control }: World): boolean {
  return control?.manifest.routing?.events?.some(({ event, reducer }) => event === WORKSPACE_COMMIT && reducer === WORKSPACE_REDUCER) === true;
}

/** `GET /workspaces/<name>/versions`: all of them, the first one first. @throws AosError `tree.workspace_name` */
export function readVersions(world: World, asked: Asked): { readonly workspace: string; readonly head: number; readonly versions: readonly VersionRow[]; readonly seq: number } {
  const name = nameIn(asked);
  const history = workspaceHistory(world, name);
  return { workspace: name, head: Number(history?.head ?? 0n), versions: (history?.versions ?? []).map(rowOf), seq: world.nextSeq };
}

function nameIn({ path }: Asked): string {
  return parseWorkspaceName(path.split("/")[2] ?? "");
}

function rowOf({ version, root, owner, createdNs }: WorkspaceVersion): VersionRow {
  return { version: Number(version), root, owner, created: timeText(createdNs) };
}
