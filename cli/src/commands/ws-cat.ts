// aos ws cat: the bytes of a file.

import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AosError, encodeBase64, fromUtf8 } from "@agentos/kernel";
import { command } from "../command.ts";
import { isBinary } from "../render/ws-diff.ts";
import { entryAt, withWorkspaces } from "../workspace.ts";
import { parseFilePlace } from "../workspace-ref.ts";

export default command({
  positionals: { ref: { type: "string", demandOption: true, describe: "NAME[@VERSION]/PATH" } },
  options: {
    range: { type: "string", requiresArg: true, describe: "START:END: only these bytes, the last one not; either may be left out" },
    out: { alias: "o", type: "string", requiresArg: true, describe: "Write to this file" },
  },
  epilogue: "Prints the bytes as they are.\nWith --json: {workspace, version, path, hash, size, mode, text} or, where the bytes are no text, {…, base64}.",
  async run(cx, { ref, range, out }) {
    const place = parseFilePlace(ref);
    await withWorkspaces(cx, async (workspaces) => {
      const { version, entry } = await entryAt(workspaces, place);
      if (entry.kind === "dir") throw new AosError("tree.not_file", `${ref}: is a directory`, { hint: `\`aos ws ls ${ref}\` lists it` });
      const { start, end } = rangeIn(range, entry.size);
      const pieces = sliced(workspaces.pieces(entry.hash), { start, end });
      const facts = { workspace: place.workspace, version: version.version, path: place.path, hash: entry.hash, size: entry.size, mode: entry.mode };
      if (out !== undefined) {
        await pipeline(Readable.from(pieces), createWriteStream(resolve(cx.cwd, out)));
        cx.out.result({ ...facts, out }, []);
      } else if (cx.out.mode === "json") {
        const bytes = new Uint8Array(Buffer.concat(await Readable.from(pieces).toArray() as Uint8Array[]));
        cx.out.result({ ...facts, ...(isBinary(bytes) ? { base64: encodeBase64(bytes) } : { text: fromUtf8(bytes) }) }, []);
      } else await pipeline(Readable.from(pieces), process.stdout, { end: false });
    });
  },
});

interface Range {
  readonly start: number;
  readonly end: number;
}

/** @throws AosError `cli.range`, `tree.range` */
function rangeIn(typed: string | undefined, size: number): Range {
  if (typed === undefined) return { start: 0, end: size };
  const [, from, to] = /^(\d{0,15}):(\d{0,15})$/.exec(typed) ?? [];
  if (from === undefined || to === undefined) throw new AosError("cli.range", `--range ${typed}: expected START:END`, { hint: "such as 0:100, 100: or :100" });
  const [start, end] = [from === "" ? 0 : Number(from), to === "" ? size : Number(to)];
  if (start > end || end > size) throw new AosError("tree.range", `--range ${typed}: not a range of the file's ${size} bytes`);
  return { start, end };
}

async function* sliced(pieces: AsyncIterable<Uint8Array>, { start, end }: Range): AsyncGenerator<Uint8Array> {
  let at = 0;
  // To the end, also beyond the range: only then is it known that the bytes are those of the hash.
  for await (const piece of pieces) {
    const part = piece.subarray(Math.max(0, start - at), Math.max(0, Math.min(piece.length, end - at)));
    at += piece.length;
    if (part.length > 0) yield part;
  }
}
