// aos ws write: puts one file into a workspace, as a new version.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { AosError, trees, utf8, writeJson, type Hash } from "@agentos/kernel";
import { sendFile, type ControlClient, type StagedBlobs } from "@agentos/controller";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { jsonArgument } from "../json-argument.ts";
import { CHANGE_OPTIONS, changeWorkspace, tellChange } from "../workspace.ts";
import { parseFilePlace } from "../workspace-ref.ts";

const MODES = { "644": 0o644, "755": 0o755 } as const;

export default command({
  positionals: { ref: { type: "string", demandOption: true, describe: "NAME[@VERSION]/PATH; the version must be the head" } },
  options: {
    in: { alias: "i", type: "string", requiresArg: true, describe: "The file to put there, or @- for standard input" },
    "text-in": { type: "string", describe: "The text to put there" },
    "json-in": { type: "string", requiresArg: true, describe: "JSON to put there: text, @FILE or @-" },
    "file-mode": { type: "string", requiresArg: true, choices: ["644", "755"] as const, describe: "Permission bits [default: those of the file that is there, else of FILE, else 644]" },
    ...CHANGE_OPTIONS,
  },
  epilogue: "Makes the workspace where there is none. A large file is streamed, and one that the world has already is not sent.\nExample: echo hello | aos ws write notes/hello.txt --in @-\nWith --json: {workspace, version, root, changed}.",
  async run(cx, args) {
    const place = parseFilePlace(args.ref);
    const given = [args.in, args["text-in"], args["json-in"]].filter((one) => one !== undefined).length;
    if (given !== 1) throw new AosError("cli.input", `aos ws write: ${given === 0 ? "nothing to write is given" : "only one thing can be written"}`, { hint: "use --in FILE, --in @-, --text-in TEXT or --json-in JSON" });
    const made = await changeWorkspace(cx, place, async ({ root, blobs, client }) => {
      const content = await contentOf(cx, args, { blobs, client });
      const mode = args["file-mode"] === undefined ? content.mode : MODES[args["file-mode"]];
      const there = await trees.findPath(blobs, root, place.path);
      const kept = there === undefined || args["file-mode"] !== undefined ? (mode === undefined ? {} : { mode }) : {};
      return trees.changeTree(blobs, root, new Map([[place.path, { hash: content.hash, size: content.size, ...kept }]]));
    }, args);
    tellChange(cx, made, "written");
  },
});

interface Content {
  readonly hash: Hash;
  readonly size: number;
  readonly mode?: trees.Mode;
}
interface Given {
  readonly in: string | undefined;
  readonly "text-in": string | undefined;
  readonly "json-in": string | undefined;
}

async function contentOf(cx: Context, given: Given, { blobs, client }: { readonly blobs: StagedBlobs; readonly client: ControlClient }): Promise<Content> {
  const { in: file, "text-in": text, "json-in": json } = given;
  if (file !== undefined && file !== "@-") return fileContent(cx, file, client);
  const bytes = file === undefined ? utf8(text ?? `${writeJson(await jsonArgument(cx, "--json-in", json ?? ""), 2)}\n`) : new Uint8Array(await buffer(process.stdin));
  return { hash: await blobs.put(bytes), size: bytes.length };
}

async function fileContent(cx: Context, typed: string, client: ControlClient): Promise<Content> {
  const path = resolve(cx.cwd, typed);
  const found = await stat(path).catch((cause: unknown) => {
    throw new AosError("cli.file", `${path}: cannot be read`, { at: { file: path }, cause, hint: "--in takes a file, or @- for standard input" });
  });
  if (!found.isFile()) throw new AosError("cli.file", `${path}: not a file`, { at: { file: path }, hint: "whole directories travel by `aos push`" });
  const { hash, size } = await sendFile(client, path);
  return { hash, size, mode: (found.mode & 0o111) === 0 ? 0o644 : 0o755 };
}
