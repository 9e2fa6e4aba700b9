// aos module inspect: what an artifact is, whether a world would take it, and what a call of it costs.

import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { AosError, inspectModule, type ModuleReport } from "@agentos/kernel";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { reportLines } from "../render/module-report.ts";

const ARTIFACT_BYTES_MAX = 64 << 20;
/** As many units as a world gives one call. */
const FUEL = 50_000_000;

export default command({
  positionals: { file: { type: "string", demandOption: true, describe: "A .wasm or .js.cbor file" } },
  options: {
    call: { type: "string", requiresArg: true, describe: "Call it once: the input envelope as hex, or @FILE" },
    entry: { choices: ["step", "run"] as const, describe: "Which entry to call [default: the one it has]" },
  },
  epilogue: "Exit code 2 when a world would refuse the module: the reason names the byte. The envelopes are in docs/modules.md.\nWith --json: {kind, hash, size, engine?, entries, exports, imports, functions?, memory?, refused?, sample?}.",
  async run(cx, { file, call, entry }) {
    if (entry !== undefined && call === undefined) throw new AosError("cli.usage", "--entry: it says what to call, and --call is missing", { hint: "--call HEX, or --call @FILE" });
    const artifact = await readBytes(cx, file, { hint: "name a .wasm or .js.cbor file, such as those that `aos build` writes" });
    const input = call === undefined ? undefined : await inputOf(cx, call);
    const about = inspectModule(artifact);
    const name = entry ?? about.entries[0]?.name ?? "step";
    const report = input === undefined || about.refused !== undefined ? about : inspectModule(artifact, { sample: { entry: name, input, fuelLimit: FUEL } });
    cx.out.result(json(report), reportLines(report, cx.out.style));
    if (report.refused === undefined) return;
    throw new AosError("module.refused", `${file}: ${report.refused.reason}`, { at: { file }, hint: "docs/modules.md says what a module may hold", data: { ...report.refused } });
  },
});

function json(report: ModuleReport): unknown {
  const { sample, ...rest } = report;
  if (sample === undefined) return rest;
  const told = sample.kind === "ok" ? { output: Buffer.from(sample.output).toString("hex") } : { code: sample.code, message: sample.message };
  return { ...rest, sample: { kind: sample.kind, fuel: sample.fuelUsed, ...told } };
}

async function readBytes(cx: Context, path: string, { hint }: { readonly hint: string }): Promise<Uint8Array> {
  // One byte more than is taken: some files have no end.
  const pieces = await createReadStream(resolve(cx.cwd, path), { end: ARTIFACT_BYTES_MAX }).toArray().catch((cause: NodeJS.ErrnoException) => {
    throw new AosError("module.file", `${path}: ${cause.code === "ENOENT" ? "no such file" : cause.code === "EISDIR" ? "it is a folder" : "cannot be read"}`, { at: { file: path }, hint, cause });
  });
  const bytes = Buffer.concat(pieces as readonly Buffer[]);
  if (bytes.length > ARTIFACT_BYTES_MAX) throw new AosError("module.file", `${path}: over the limit of ${ARTIFACT_BYTES_MAX} bytes`, { at: { file: path }, hint });
  return new Uint8Array(bytes);
}

async function inputOf(cx: Context, text: string): Promise<Uint8Array> {
  if (text.startsWith("@")) return readBytes(cx, text.slice(1), { hint: "name a file with the envelope's bytes: docs/modules.md has one to begin with" });
  if (/^(?:[0-9a-f]{2})*$/i.test(text)) return new Uint8Array(Buffer.from(text, "hex"));
  throw new AosError("cli.call", "--call: expected hex digits, two a byte, or @FILE", { hint: "an envelope is CBOR: docs/modules.md has one to begin with" });
}
