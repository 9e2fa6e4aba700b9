// aos defs get: a definition as it is written, with its hash and its place.

import { join } from "node:path";
import { AosError, formatAir, jsonOf, nearest, nodeValue, valueToJson, writeJson, type Json, type Value } from "@agentos/kernel";
import { filesOfFolder, readSyncMap } from "@agentos/controller";
import { DEF_KINDS, nodesOfText, placeIn, readAirText } from "../air-text.ts";
import { command } from "../command.ts";
import { builtinDefinitions, ownDefinitions, type KnownDefinition } from "../definitions.ts";
import { definitionLines, type Written } from "../render/air.ts";
import { worldFolder } from "../world.ts";

export default command({
  positionals: { name: { type: "string", demandOption: true, describe: "Name of a definition, builtin ones included" } },
  options: { kind: { type: "string", requiresArg: true, choices: DEF_KINDS, describe: "Only this kind, where several have the name" } },
  epilogue: "Prints AIR: the definition below a comment with its hash and place.\nWith --json: {definitions: [{hash, kind, name, builtin, file?, line?, node}]}.",
  async run(cx, { name, kind }) {
    const builtin = builtinDefinitions();
    // The catalog is there without a world.
    const isBuiltin = builtin.some(({ node }) => node.name === name);
    const folder = isBuiltin ? undefined : await worldFolder(cx);
    const all = folder === undefined ? builtin : await ownDefinitions(folder);
    const found = all.filter(({ node }) => node.name === name && (kind === undefined || node.kind === kind));
    if (found.length === 0) throw unknown(name, kind, [...all, ...builtin]);
    const written = folder === undefined ? found.map(asCatalog) : await Promise.all(found.map((one) => asWritten(one, folder)));
    const rows = written.map((one) => {
      const { text: _, ...row } = one;
      return row;
    });
    cx.out.result({ definitions: rows }, definitionLines(written));
  },
});

function unknown(name: string, kind: string | undefined, all: readonly KnownDefinition[]): AosError {
  const sameKind = all.filter(({ node }) => kind === undefined || node.kind === kind).map(({ node }) => node.name);
  const meant = nearest(name, sameKind);
  const others = all.filter(({ node }) => node.name === name).map(({ node }) => node.kind);
  const hint = others.length > 0 ? `it is a ${others.join(" and a ")}` : meant === undefined ? "`aos defs ls` lists them" : `did you mean ${meant}?`;
  return new AosError("defs.unknown", `${name}: there is no such ${kind ?? "definition"}`, { hint });
}

function asCatalog({ node, hash, builtin }: KnownDefinition): Written {
  const json = valueToJson(jsonOf(nodeValue(node)) as Value);
  return { hash, kind: node.kind, name: node.name, builtin, node: json, text: formatAir(writeJson(json), node.name) };
}

/** Its text, comments included, from the file that holds it. */
async function asWritten(known: KnownDefinition, folder: string): Promise<Written> {
  const { kind, name } = known.node;
  const files = filesOfFolder(folder);
  const { airDir } = await readSyncMap(files);
  for (const file of await files.list(airDir)) {
    if (!file.endsWith(".json")) continue;
    const text = await readAirText(join(folder, file), file);
    const node = nodesOfText(text, file).find((one) => one.kind === kind && one.name === name);
    if (node === undefined) continue;
    return { hash: known.hash, kind, name, builtin: false, file, line: placeIn(text, node.start).line, node: node.tree as Json, text: formatAir(text.slice(node.start, node.end), file) };
  }
  return asCatalog(known);
}
