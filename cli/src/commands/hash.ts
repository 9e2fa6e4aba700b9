// aos hash: the identity of definitions, one a line.

import { isAbsolute, relative, resolve, sep } from "node:path";
import { AosError, compareText, loadFiles, nodeHash, ZERO_HASH, type ControlPlane, type Hash } from "@agentos/kernel";
import { filesOfFolder, loadWorld, requireControl } from "@agentos/controller";
import { nodesOfText, parseDefinition, placeIn, readAirText, type NodeText } from "../air-text.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { hashLines, type HashRow } from "../render/air.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: { file: { type: "string", array: true, describe: "AIR files [default: the whole world]" } },
  options: { manifest: { type: "boolean", default: false, describe: "Only the hash of the world's manifest" } },
  epilogue: "Lines `<hash> <kind> <name>`, sorted by kind and name. Files of a world are hashed as the world loads them, others by themselves.\nWith --json: {definitions} or {manifest}.",
  async run(cx, { file: named = [], manifest }) {
    if (manifest && named.length > 0) throw new AosError("cli.usage", "aos hash: --manifest is of the whole world", { hint: "name no files with it" });
    if (manifest) {
      const { control } = await worldAt(cx);
      return cx.out.result({ manifest: control.manifestHash }, [control.manifestHash]);
    }
    const rows = named.length === 0 ? rowsOf((await worldAt(cx)).control) : await rowsOfFiles(cx, named);
    const seen = new Map(rows.map((row) => [`${row.kind} ${row.name} ${row.hash}`, row]));
    const definitions = [...seen.values()].sort((a, b) => compareText(a.kind, b.kind) || compareText(a.name, b.name) || compareText(a.hash, b.hash));
    return cx.out.result({ definitions }, hashLines(definitions));
  },
});

interface OpenWorld {
  readonly control: ControlPlane;
  readonly airFolder: string;
}

async function worldAt(cx: Context): Promise<OpenWorld> {
  const folder = await worldFolder(cx);
  const world = await loadWorld(filesOfFolder(folder));
  return { control: requireControl(world, folder), airFolder: resolve(folder, world.sync.airDir) };
}

function rowsOf(control: ControlPlane): readonly HashRow[] {
  return control.nodes.map(({ hash, node: { kind, name } }) => ({ hash, kind, name }));
}

interface AirFile {
  readonly path: string;
  readonly shown: string;
  readonly text: string;
  readonly nodes: readonly NodeText[];
}

async function rowsOfFiles(cx: Context, named: readonly string[]): Promise<readonly HashRow[]> {
  const files: AirFile[] = [];
  for (const shown of named) {
    const path = resolve(cx.cwd, shown);
    const text = await readAirText(path, shown);
    files.push({ path, shown, text, nodes: nodesOfText(text, shown).filter(({ kind }) => kind !== "manifest") });
  }
  const loose: AirFile[] = [];
  const rows: HashRow[] = [];
  const worlds = new Map<string, OpenWorld>();
  for (const file of files) {
    const world = await worldOf(cx, file.path, worlds);
    if (world === undefined) {
      loose.push(file);
      continue;
    }
    const known = new Map(rowsOf(world.control).map((row) => [`${row.kind} ${row.name}`, row]));
    const listed = file.nodes.flatMap(({ kind, name }) => known.get(`${kind} ${name}`) ?? []);
    rows.push(...listed);
    // What the manifest does not list is no part of the world: it stands by itself.
    loose.push({ ...file, nodes: file.nodes.filter(({ kind, name }) => !known.has(`${kind} ${name}`)) });
  }
  return [...rows, ...looseRows(loose)];
}

/** The world whose AIR a file is; undefined for one that belongs to none. */
async function worldOf(cx: Context, path: string, known: Map<string, OpenWorld>): Promise<OpenWorld | undefined> {
  const from = cx.world === undefined ? { ...cx, cwd: resolve(path, "..") } : cx;
  const folder = await worldFolder(from).catch((error: unknown) => {
    if (error instanceof AosError && error.code === "world.missing" && cx.world === undefined) return undefined;
    throw error;
  });
  if (folder === undefined) return undefined;
  const world = known.get(folder);
  if (world === undefined && !path.endsWith(".json")) return undefined;
  const found = world ?? (await worldAt(from));
  known.set(folder, found);
  const inside = relative(found.airFolder, path);
  return inside.split(sep)[0] === ".." || isAbsolute(inside) ? undefined : found;
}

function looseRows(files: readonly AirFile[]): readonly HashRow[] {
  const parsed = files.flatMap((file) => file.nodes.map((node) => ({ file, node, definition: parseDefinition(node, file.shown, file.text) })));
  const names = (kind: string): readonly unknown[] => parsed.filter(({ definition }) => definition.kind === kind).map(({ definition: { name } }) => ({ name }));
  let plans: ReadonlyMap<string, Hash> | undefined;
  const planHash = (name: string): Hash | undefined => {
    // A plan has one form only beside the schemas it speaks of: what the files hold must be enough for it.
    plans ??= plansOf(files, {
      $kind: "manifest", air_version: "1", schemas: names("defschema"), modules: names("defmodule"), plans: names("defplan"), caps: names("defcap"), policies: names("defpolicy"),
      effects: names("defeffect"), secrets: names("defsecret"),
    });
    return plans.get(name);
  };
  return parsed.map(({ file, node, definition }) => {
    const { kind, name } = definition;
    const hash = kind === "defplan" ? planHash(name) : kind === "defmodule" && definition.wasm_hash === ZERO_HASH ? undefined : nodeHash(definition);
    if (hash !== undefined) return { hash, kind, name };
    const { line, column } = placeIn(file.text, node.start);
    const why = kind === "defplan" ? "a plan has a hash only beside all it refers to" : "the module has no code, so no hash";
    throw new AosError("hash.alone", `${file.shown}:${line}:${column}: ${name}: ${why}`, {
      at: { file: file.shown, line, column }, hint: kind === "defplan" ? "hash it in its world, whose manifest lists it" : "build it in its world with `aos build`",
    });
  });
}

function plansOf(files: readonly AirFile[], manifest: unknown): ReadonlyMap<string, Hash> {
  const texts = files.map(({ path, text, nodes }) => ({ path, text: `[${nodes.map(({ start, end }) => text.slice(start, end)).join(",\n")}]` }));
  const { control } = loadFiles([{ path: "", text: JSON.stringify(manifest) }, ...texts], { moduleHashes: new Map() });
  return new Map((control?.nodes ?? []).filter(({ node }) => node.kind === "defplan").map(({ hash, node }) => [node.name, hash]));
}
