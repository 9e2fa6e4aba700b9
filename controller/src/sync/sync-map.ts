// `aos.sync.json`, the sync map: where a world keeps its parts, and which folders are kept in step with which workspaces.

import { AosError, isSegment, nearest, readJson, type Json } from "@agentos/kernel";

export const SYNC_FILE = "aos.sync.json";

/** A part of a workspace and the folder that is kept in step with it. */
export interface WorkspaceLink {
  readonly workspace: string;
  /** Undefined: the head. A link to one version is only ever pulled. */
  readonly version: number | undefined;
  /** Path in the workspace; undefined: all of it. */
  readonly path: string | undefined;
  /** Folder, relative to the world; `.` is the world's own. */
  readonly dir: string;
  /** Patterns as in .gitignore, on top of those of .gitignore files. */
  readonly ignore: readonly string[];
  /** Annotations by path on disk below `dir` (empty: the folder itself), then by key: text, or any JSON. */
  readonly annotations: ReadonlyMap<string, ReadonlyMap<string, Json>>;
}

export interface SyncMap {
  readonly airDir: string;
  readonly modulesDir: string;
  /** Module name → TypeScript source that `aos build` compiles. */
  readonly sources: ReadonlyMap<string, string>;
  readonly workspaces: readonly WorkspaceLink[];
}

/**
 * Reads the text of a sync map.
 *
 * @throws AosError `sync.invalid` at the first thing that is wrong, with its line and column; `json.syntax`
 */
export function parseSyncMap(text: string): SyncMap {
  const { json, locate } = readJson(text, SYNC_FILE);
  try {
    return mapOf(json);
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const { pointer, what, hint } = error;
    const { line, column } = locate(pointer);
    throw new AosError("sync.invalid", `${SYNC_FILE}:${line}:${column}: ${pointer === "" ? "the file" : pointer} ${what}`, {
      at: { file: SYNC_FILE, pointer, line, column }, ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** What is wrong and where, before the place in the text is known. */
class Wrong extends Error {
  readonly pointer: string;
  readonly what: string;
  readonly hint: string | undefined;
  constructor(pointer: string, what: string, hint?: string) {
    super(what);
    [this.pointer, this.what, this.hint] = [pointer, what, hint];
  }
}

type Fields = ReadonlyMap<string, Json>;
const NONE: Fields = new Map();

function mapOf(json: Json): SyncMap {
  const map = fieldsAt(json, "", ["version", "$schema", "air", "build", "modules", "workspaces"]);
  if (map.get("version") !== 1) throw new Wrong("/version", "must be 1");
  const air = fieldsAt(map.get("air") ?? NONE, "/air", ["dir"]);
  const modules = fieldsAt(map.get("modules") ?? NONE, "/modules", ["dir", "pull"]);
  const pull = modules.get("pull") ?? false;
  if (typeof pull !== "boolean") throw new Wrong("/modules/pull", "must be true or false");
  const links = map.get("workspaces") ?? [];
  if (!Array.isArray(links)) throw new Wrong("/workspaces", "must be a list");
  const workspaces = (links as readonly Json[]).map((link, index) => linkAt(link, `/workspaces/${index}`));
  refuseOverlaps(workspaces);
  return {
    airDir: pathAt(air.get("dir") ?? "air", "/air/dir"), modulesDir: pathAt(modules.get("dir") ?? "modules", "/modules/dir"),
    sources: sourcesOf(fieldsAt(map.get("build") ?? NONE, "/build", ["modules", "reducer_dir", "module"])), workspaces,
  };
}

/** `modules` names sources one by one; `reducer_dir` with `module` names the folder whose `index.ts` is a module. */
function sourcesOf(build: Fields): ReadonlyMap<string, string> {
  const named = [...fieldsAt(build.get("modules") ?? NONE, "/build/modules", undefined)];
  const sources = new Map(named.map(([name, source]) => [name, pathAt(source, `/build/modules/${escaped(name)}`)] as const));
  const [folder, module] = [build.get("reducer_dir"), build.get("module")];
  if (folder !== undefined && module === undefined) {
    throw new Wrong("/build/reducer_dir", "does not say which module is built from it", 'name it: "module": "demo/Counter@1", or list the source under "modules"');
  }
  if (module === undefined) return sources;
  if (typeof module !== "string") throw new Wrong("/build/module", "must be a module's name");
  if (sources.has(module)) throw new Wrong("/build/module", `names ${module}, which /build/modules has already`);
  return sources.set(module, `${pathAt(folder ?? "reducer", "/build/reducer_dir")}/index.ts`);
}

function linkAt(json: Json, pointer: string): WorkspaceLink {
  const link = fieldsAt(json, pointer, ["ref", "dir", "local_dir", "ignore", "annotations"]);
  if (link.has("dir") && link.has("local_dir")) throw new Wrong(`${pointer}/local_dir`, "is another word for dir, which is there too");
  const folder = link.has("local_dir") ? "local_dir" : "dir";
  const dir = link.get(folder);
  if (dir === undefined) throw new Wrong(pointer, 'must have "dir", a folder');
  return {
    ...refAt(link.get("ref"), pointer), dir: dir === "." ? "." : pathAt(dir, `${pointer}/${folder}`),
    ignore: patternsAt(link.get("ignore") ?? [], `${pointer}/ignore`), annotations: annotationsAt(link.get("annotations") ?? NONE, `${pointer}/annotations`),
  };
}

const REF_HINT = "WORKSPACE, WORKSPACE@VERSION, either with /PATH; names are made of letters, digits and . _ ~ -";

function refAt(json: Json | undefined, pointer: string): Pick<WorkspaceLink, "workspace" | "version" | "path"> {
  if (json === undefined) throw new Wrong(pointer, 'must have "ref", a workspace', REF_HINT);
  const found = typeof json === "string" ? parseLinkRef(json) : undefined;
  if (found === undefined) throw new Wrong(`${pointer}/ref`, "must name a workspace", REF_HINT);
  return found;
}

/** Reads `WORKSPACE[@VERSION][/PATH]`; undefined for anything else. One slash at the end is let pass. */
export function parseLinkRef(text: string): Pick<WorkspaceLink, "workspace" | "version" | "path"> | undefined {
  const [head = "", ...path] = text.replace(/\/$/, "").split("/");
  const [, workspace = "", digits] = /^([^@]*)(?:@(\d{1,15}))?$/.exec(head) ?? [];
  if (!isSegment(workspace) || !path.every(isSegment)) return undefined;
  return { workspace, version: digits === undefined ? undefined : Number(digits), path: path.length === 0 ? undefined : path.join("/") };
}

function patternsAt(json: Json, pointer: string): readonly string[] {
  if (!Array.isArray(json)) throw new Wrong(pointer, "must be a list of patterns");
  return (json as readonly Json[]).map((pattern, index) => {
    if (typeof pattern !== "string" || pattern.trim() === "" || pattern.includes("\n")) throw new Wrong(`${pointer}/${index}`, "must be a pattern as in .gitignore");
    return pattern;
  });
}

function annotationsAt(json: Json, pointer: string): WorkspaceLink["annotations"] {
  return new Map([...fieldsAt(json, pointer, undefined)].map(([path, values]) => {
    const at = `${pointer}/${escaped(path)}`;
    if (path !== "") pathAt(path, at);
    return [path, fieldsAt(values, at, undefined)] as const;
  }));
}

/** Two links that write to one place would undo each other's work. */
function refuseOverlaps(links: readonly WorkspaceLink[]): void {
  for (const [index, link] of links.entries()) {
    const dir = links.findIndex((other, at) => at < index && within(other.dir, link.dir));
    if (dir >= 0) throw new Wrong(`/workspaces/${index}`, `is kept in ${link.dir}, and /workspaces/${dir} in ${links[dir]?.dir}: one is inside of the other`);
    const ref = links.findIndex((other, at) => at < index && other.version === undefined && link.version === undefined && other.workspace === link.workspace && within(other.path ?? ".", link.path ?? "."));
    if (ref >= 0) throw new Wrong(`/workspaces/${index}/ref`, `names what /workspaces/${ref} names too, or a part of it`);
  }
}

function within(a: string, b: string): boolean {
  return a === b || a === "." || b === "." || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

function fieldsAt(json: Json, pointer: string, known: readonly string[] | undefined): Fields {
  if (!(json instanceof Map)) throw new Wrong(pointer, "must be an object");
  const fields = json as Fields;
  const stray = known === undefined ? undefined : [...fields.keys()].find((key) => !known.includes(key));
  if (known === undefined || stray === undefined) return fields;
  const meant = nearest(stray, known);
  throw new Wrong(`${pointer}/${escaped(stray)}`, "unknown field", meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`);
}

/** Does a path lead into a `.git`? Some systems take `.GIT` for the same; keys and hooks are in there. */
export function isGitsOwn(path: string): boolean {
  return path.toLowerCase().split("/").includes(".git");
}

/** A relative path that stays in the world. */
function pathAt(json: Json, pointer: string): string {
  if (typeof json !== "string" || json.startsWith("/") || /[\\\0]/.test(json) || json.split("/").some((part) => part === ".." || part === "" || part === ".")) {
    throw new Wrong(pointer, "must be a relative path inside the world");
  }
  if (isGitsOwn(json)) throw new Wrong(pointer, "must not lead into .git, which is git's own");
  return json;
}

/** A key in a JSON pointer. */
function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
