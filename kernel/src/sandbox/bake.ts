// Bakes a bundle into a plain module of the WASM ABI: the engine, its memory as it stands once the bundle is loaded, and three exports.

import { fileURLToPath } from "node:url";
import { utf8 } from "../air/bytes.ts";
import { AosError, assert } from "../air/error.ts";
import { artifactKind, bundleOfArtifact } from "./artifact.ts";
import { readEngine } from "./engine-file.ts";
import { shimOf, stubBody } from "./bake-shim.ts";
import type { Added } from "./bake-shim.ts";
import { sharedEngine } from "./js-engine.ts";
import type { Frozen } from "./js-engine.ts";
import { GRAIN } from "./rewrite.ts";
import { scanModule } from "./scan.ts";
import type { FuncType, ModuleScan } from "./scan.ts";
import { Op, Type } from "./wasm-ops.ts";
import { Reader, Writer } from "./wasm-reader.ts";

const Section = { type: 1, function: 3, table: 4, memory: 5, global: 6, export: 7, element: 9, code: 10, data: 11 } as const;

/**
 * Makes a module that any host of WebAssembly can run: no imports; exports `memory`, `alloc`, and `step` or `run` with two results.
 * It gives the outputs of the artifact, byte for byte, and traps where the artifact fails. Equal artifacts give equal bytes.
 * @param artifact - canonical CBOR of kind `js`
 * @throws AosError `module.refused`, `bake.kind` when the artifact is WebAssembly already
 */
export async function bake(artifact: Uint8Array): Promise<Uint8Array> {
  if (artifactKind(artifact) === "wasm") throw new AosError("bake.kind", "module: is WebAssembly already; only artifacts of TypeScript modules are baked");
  const engine = sharedEngine();
  const bundle = engine.load(bundleOfArtifact(artifact));
  borderText ??= borderScript();
  const border = utf8(`(function(){${await borderText};return border.borderOf(${JSON.stringify(bundle.entry)})})()`);
  engineScan ??= scanModule(readEngine(), "engine");
  return assembleBaked(engineScan, engine.freeze(bundle, border), bundle.entry);
}

// Both depend on nothing but this package: made once a process.
let borderText: Promise<string> | undefined;
let engineScan: ModuleScan | undefined;

async function borderScript(): Promise<string> {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const own = (name: string): string => fileURLToPath(new URL(`./${name}${extension}`, import.meta.url));
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [own("border")], inject: [own("text-codec")],
    bundle: true, write: false, format: "iife", globalName: "border", target: "es2022", platform: "neutral", treeShaking: true, minify: true, legalComments: "none",
    sourcemap: false, charset: "ascii", logLevel: "silent", absWorkingDir: fileURLToPath(new URL(".", import.meta.url)), tsconfigRaw: {},
  });
  assert(outputFiles.length === 1, "the border is one script");
  return outputFiles[0]?.text ?? "";
}

function assembleBaked(scan: ModuleScan, frozen: Frozen, entry: "step" | "run"): Uint8Array {
  const stubs = importedTypes(scan).map(({ name, type }) => ({ type, body: stubBody(name, type) }));
  const shim = shimOf(scan, frozen);
  const types = [...scan.types];
  const typeIndex = ({ params, results }: FuncType): number => {
    const found = types.findIndex((one) => String([one.params, "", one.results]) === String([params, "", results]));
    return found >= 0 ? found : types.push({ params, results }) - 1;
  };
  const functions = [...stubs.map(({ type }) => typeIndex(type)), ...scan.functions.slice(scan.importedFunctions), ...shim.map(({ type }) => typeIndex(type))];
  const firstShim = scan.functions.length;
  const out = new Writer();
  out.raw(scan.bytes, 0, 8);
  out.section(Section.type, typeSection(types));
  out.section(Section.function, listOf(functions, (body, index) => body.u32(index)));
  copySection(out, scan, Section.table);
  const { pages } = frozen.image;
  out.section(Section.memory, listOf([pages], (body) => [1, pages, pages].forEach((value) => body.u32(value))));
  out.section(Section.global, globalSection(scan, frozen));
  const exported = [["memory", 2, 0], ["alloc", 0, firstShim + 1], [entry, 0, firstShim + 2]] as const;
  out.section(Section.export, listOf(exported, (body, [name, kind, index]) => {
    body.name(name);
    body.byte(kind);
    body.u32(index);
  }));
  copySection(out, scan, Section.element);
  out.section(Section.code, codeSection(scan, stubs, shim));
  out.section(Section.data, listOf(dataOf(frozen.image.grains), (body, { at, bytes }) => {
    body.u32(0);
    body.byte(Op.i32Const);
    body.s32(at | 0);
    body.byte(Op.end);
    body.u32(bytes.length);
    body.raw(bytes);
  }));
  return out.bytes().slice();
}

function listOf<T>(items: readonly T[], write: (body: Writer, item: T) => void): Writer {
  const body = new Writer();
  body.u32(items.length);
  for (const item of items) write(body, item);
  return body;
}

function typeSection(types: readonly FuncType[]): Writer {
  return listOf(types, (body, { params, results }) => {
    body.byte(Type.func);
    for (const list of [params, results]) {
      body.u32(list.length);
      for (const one of list) body.byte(one);
    }
  });
}

function copySection(out: Writer, scan: ModuleScan, id: number): void {
  const section = scan.sections.find((one) => one.id === id);
  if (section === undefined) return;
  const body = new Writer();
  body.raw(scan.bytes, section.start, section.end);
  out.section(id, body);
}

/** The engine's globals, each with the value it had when its memory was taken. */
function globalSection(scan: ModuleScan, frozen: Frozen): Writer {
  assert(scan.globals.every(({ type, mutable }) => mutable && type === Type.i32), "the engine's globals are numbers of 32 bits");
  return listOf(frozen.image.globals, (body, value) => {
    body.byte(Type.i32);
    body.byte(1);
    body.byte(Op.i32Const);
    body.s32(Number(value));
    body.byte(Op.end);
  });
}

function codeSection(scan: ModuleScan, stubs: readonly Added[], shim: readonly Added[]): Writer {
  const body = new Writer();
  body.u32(stubs.length + scan.code.length + shim.length);
  const add = ({ body: own }: Added): void => {
    body.u32(own.size);
    body.raw(own.bytes());
  };
  stubs.forEach(add);
  for (const code of scan.code) {
    body.u32(code.end - code.start);
    body.raw(scan.bytes, code.start, code.end);
  }
  shim.forEach(add);
  return body;
}

function importedTypes(scan: ModuleScan): readonly { readonly name: string; readonly type: FuncType }[] {
  const section = scan.sections.find(({ id }) => id === 2);
  assert(section !== undefined, "the engine imports");
  const reader = new Reader(scan.bytes, section.start, section.end);
  const found: { name: string; type: FuncType }[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    reader.name();
    const name = reader.name();
    if (reader.byte() === 0) found.push({ name, type: scan.types[reader.u32()] as FuncType });
    else for (let flags = reader.byte(), numbers = flags & 1 ? 2 : 1; numbers > 0; numbers--) reader.u32();
  }
  return found;
}

/** A segment costs a few bytes: shorter runs of zeros stay inside of one. */
const ZEROS_MIN = 16;

/** What of the memory is not zero, in order. */
function dataOf(grains: readonly (Uint8Array | undefined)[]): readonly { readonly at: number; readonly bytes: Uint8Array }[] {
  const memory = new Uint8Array(grains.length * GRAIN);
  grains.forEach((grain, index) => {
    if (grain !== undefined) memory.set(grain, index * GRAIN);
  });
  const segments: { at: number; bytes: Uint8Array }[] = [];
  let at = -1;
  let last = -1;
  const close = (): void => {
    if (at >= 0) segments.push({ at, bytes: memory.subarray(at, last + 1) });
  };
  for (let index = 0; index < memory.length; index++) {
    if (memory[index] === 0) continue;
    if (at < 0 || index - last > ZEROS_MIN) {
      close();
      at = index;
    }
    last = index;
  }
  close();
  return segments;
}
