// Builds an author's TypeScript module into an artifact: one script, the same bytes wherever it is built.

import { existsSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildResult, Message, OutputFile, Plugin } from "esbuild";
import { AosError } from "../air/error.ts";
import type { Hash } from "../air/value.ts";
import { digestOf } from "./digest.ts";
import { BUNDLE_FILE, BUNDLE_GLOBAL } from "./prelude.ts";
import { jsArtifact } from "./runner.ts";

/** The import by which authors reach the kernel's own SDK, from any folder. */
export const SDK_IMPORT = "@agentos/kernel/sdk";

export interface Built {
  /** Canonical CBOR `{abi, kind: "js", engine, bundle}`. */
  readonly artifact: Uint8Array;
  /** SHA-256 of the artifact: the module's `wasm_hash`. */
  readonly hash: Hash;
  readonly bundleBytes: number;
  /** Source map of the bundle (JSON, version 3), its files relative to the entry's folder. Kept beside the artifact, never in it. */
  readonly sourceMap: string;
}

/**
 * Bundles a module with everything it imports. Nothing of the folder's place, of parent folders' settings or of the environment
 * reaches the bytes. Types are not checked.
 * @param options.entry - the `.ts` file whose default export is made by `reduce`, `pure` or `enforce`
 * @throws AosError `build.entry` no such file, `build.import` an import that modules cannot have, `build.syntax`, `build.export` no default export
 */
export async function bundleReducer(options: { readonly entry: string }): Promise<Built> {
  const entry = resolve(options.entry);
  if (!existsSync(entry)) throw new AosError("build.entry", `${options.entry}: no such file`, { at: { file: options.entry } });
  const result = await runEsbuild(entry);
  const output = (extension: string): OutputFile | undefined => result.outputFiles.find(({ path }) => path.endsWith(extension));
  const bundle = output(".js")?.contents ?? new Uint8Array();
  const artifact = jsArtifact(bundle);
  return { artifact, hash: digestOf(artifact), bundleBytes: bundle.length, sourceMap: output(".map")?.text ?? "" };
}

async function runEsbuild(entry: string): Promise<BuildResult<{ readonly write: false }>> {
  // Loaded by those who build: a world that runs never needs it.
  const { build } = await import("esbuild");
  try {
    return await build({
      // Only the default export is taken, and a missing one is found here.
      stdin: { contents: `import module from ${JSON.stringify(`./${basename(entry)}`)};globalThis.${BUNDLE_GLOBAL}=module`, resolveDir: dirname(entry), sourcefile: ENTRY_NAME, loader: "js" },
      absWorkingDir: dirname(entry),
      bundle: true,
      write: false,
      format: "iife",
      target: "es2022",
      platform: "neutral",
      mainFields: ["module", "main"],
      treeShaking: true,
      // Also what keeps file names out: without it the bundler names wrapped modules after their paths.
      minify: true,
      legalComments: "none",
      // Nothing is written there: it is what the map's files are relative to.
      outfile: join(dirname(entry), BUNDLE_FILE),
      sourcemap: "external",
      sourcesContent: false,
      charset: "ascii",
      define: { "process.env.NODE_ENV": '"production"' },
      tsconfigRaw: { compilerOptions: { target: "es2022", useDefineForClassFields: true } },
      nodePaths: [],
      preserveSymlinks: false,
      logLevel: "silent",
      plugins: [sdkPlugin],
    });
  } catch (error) {
    throw buildError(error);
  }
}

/** What the few words that import the author's file are called in messages. */
const ENTRY_NAME = "<entry>";

/** The SDK is a file of this package, as source or as built, not something to be installed beside a world. */
const sdkPlugin: Plugin = {
  name: "agentos-sdk",
  setup(hooks) {
    const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    const path = fileURLToPath(new URL(`../sdk/index${extension}`, import.meta.url));
    hooks.onResolve({ filter: /^@agentos\/kernel\/sdk$/ }, () => ({ path, sideEffects: false }));
    // The bundler would leave these to a browser.
    hooks.onResolve({ filter: /^(?:https?:)?\/\// }, (given) => ({ errors: [{ text: `Could not resolve ${JSON.stringify(given.path)}` }] }));
  },
};

function buildError(error: unknown): unknown {
  const message = (error as { readonly errors?: readonly Message[] }).errors?.[0];
  if (message === undefined) return error;
  const { location } = message;
  const at = location === null ? {} : { at: { file: location.file, line: location.line, column: location.column + 1 } };
  const place = location === null ? "bundle" : `${location.file}:${location.line}:${location.column + 1}`;
  const missing = /^No matching export in "(.*)" for import "default"$/.exec(message.text)?.[1];
  if (missing !== undefined && location?.file === ENTRY_NAME) {
    const hint = `export default reduce((state, event, ctx) => …), with reduce from ${SDK_IMPORT}`;
    return new AosError("build.export", `${missing}: has no default export`, { at: { file: missing }, hint });
  }
  const name = /^Could not resolve "(.*)"$/.exec(message.text)?.[1];
  if (name === undefined) return new AosError("build.syntax", `${place}: ${message.text}`, at);
  const hint = isBuiltin(name)
    ? "modules have no files, network or process: take what you need from the event and ctx, and ask for the rest with an effect"
    : "install the package beside the module, or correct the path";
  return new AosError("build.import", `${place}: cannot import ${JSON.stringify(name)}`, { ...at, hint, data: { import: name } });
}
