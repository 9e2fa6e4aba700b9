// Says of an artifact what it is, whether it would be admitted, and what a call of it costs.

import { AosError } from "../air/error.ts";
import type { Hash } from "../air/value.ts";
import type { ModuleResult } from "../ports.ts";
import { artifactKind, bundleOfArtifact, engineOfArtifact } from "./artifact.ts";
import { digestOf } from "./digest.ts";
import { engineCode } from "./engine-code.ts";
import { sharedEngine } from "./js-engine.ts";
import { loadJs } from "./js-module.ts";
import { scanModule } from "./scan.ts";
import { abiOf, admittedEntries, loadWasm } from "./wasm-runner.ts";
import type { LoadedModule, Signature } from "./wasm-runner.ts";
import { Reader } from "./wasm-reader.ts";
import { Wasm } from "./webassembly.ts";

/** What the ABI calls, and how its output is given. A bundle's envelopes are read and written outside of it. */
export interface Entry {
  readonly name: "step" | "run";
  readonly signature: Signature | "script";
}
export interface Refused {
  readonly code: string;
  readonly message: string;
  /** The byte the reason is about, where there is one. */
  readonly offset?: number;
  readonly reason: string;
}
export interface ModuleReport {
  /** `baked`: WebAssembly with the JavaScript engine inside. */
  readonly kind: "wasm" | "baked" | "js" | "unknown";
  readonly hash: Hash;
  /** Bytes of the artifact; of a bundle, its text alone too. */
  readonly size: number;
  readonly bundleSize?: number;
  /** The engine a bundle names. */
  readonly engine?: string;
  readonly entries: readonly Entry[];
  /** `name: kind`, in the order of the module. */
  readonly exports: readonly string[];
  readonly imports: readonly string[];
  readonly functions?: number;
  /** 64 KiB pages: at the start, and at most as declared. */
  readonly memory?: { readonly pages: number; readonly max?: number };
  /** Every call gets a fresh instance: the module writes what cannot be put back. */
  readonly freshInstances?: boolean;
  readonly refused?: Refused;
  /** What the sample call gave. */
  readonly sample?: ModuleResult;
}

export interface InspectOptions {
  readonly sample?: { readonly entry: "step" | "run"; readonly input: Uint8Array; readonly fuelLimit: number };
}

/** Inspects an artifact; one that is refused is told of as far as it can be read. Nothing of it is kept. */
export function inspectModule(artifact: Uint8Array, options: InspectOptions = {}): ModuleReport {
  const parts: Partial<Draft> = {};
  const tried = attempt(() => {
    parts.kind = artifactKind(artifact);
    return parts.kind === "js" ? admitBundle(artifact, parts) : admitWasm(artifact, parts);
  });
  const wanted = options.sample;
  const sample = wanted && tried.loaded?.call(wanted.entry, wanted.input, wanted.fuelLimit);
  return {
    kind: "unknown", entries: [], exports: [], imports: [], ...parts, hash: digestOf(artifact), size: artifact.length,
    ...(tried.refused === undefined ? {} : { refused: tried.refused }), ...(sample === undefined ? {} : { sample }),
  };
}

/**
 * The entries an artifact has, looked at without being made ready: a matter of milliseconds.
 * @returns of a bundle undefined: that takes the engine
 * @throws AosError `module.refused`
 */
export function entriesOf(artifact: Uint8Array): readonly Entry["name"][] | undefined {
  if (artifactKind(artifact) === "wasm") return [...admittedEntries(artifact).keys()];
  bundleOfArtifact(artifact);
  return undefined;
}

type Draft = { -readonly [Field in keyof ModuleReport]: ModuleReport[Field] };

function attempt(load: () => LoadedModule): { readonly loaded?: LoadedModule; readonly refused?: Refused } {
  try {
    return { loaded: load() };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    const { offset } = error.data;
    const reason = error.message.replace(/^module: (byte 0x[0-9a-f]+: )?/, "");
    return { refused: { code: error.code, message: error.message, reason, ...(typeof offset === "number" ? { offset } : {}) } };
  }
}

function admitBundle(artifact: Uint8Array, parts: Partial<Draft>): LoadedModule {
  parts.engine = engineOfArtifact(artifact);
  const bundle = bundleOfArtifact(artifact);
  parts.bundleSize = bundle.length;
  const loaded = loadJs(bundle);
  parts.entries = [{ name: sharedEngine().load(bundle).entry, signature: "script" }];
  return loaded;
}

/** What the host's own reading of a module says; nothing where it is not valid. */
function aboutWasm(artifact: Uint8Array): Partial<Draft> {
  if (!Wasm.validate(artifact)) return {};
  const module = new Wasm.Module(artifact);
  return {
    exports: Wasm.Module.exports(module).map(({ name, kind }) => `${name}: ${kind}`),
    imports: Wasm.Module.imports(module).map((one) => `${one.module}.${one.name}: ${one.kind}`),
  };
}

function admitWasm(artifact: Uint8Array, parts: Partial<Draft>): LoadedModule {
  Object.assign(parts, aboutWasm(artifact));
  const scan = scanModule(artifact, "author");
  const code = scan.sections.find(({ id }) => id === 10);
  if (code !== undefined && engineCode(new Reader(artifact, code.start, code.end)) !== undefined) parts.kind = "baked";
  parts.functions = scan.functions.length;
  if (scan.memory !== undefined) parts.memory = { pages: scan.memory.min, ...(scan.memory.max === undefined ? {} : { max: scan.memory.max }) };
  parts.freshInstances = scan.unrestorable;
  parts.entries = [...abiOf(scan)].map(([name, signature]) => ({ name, signature }));
  return loadWasm(artifact);
}
