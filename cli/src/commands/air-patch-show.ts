// aos air patch show: what a patch document does, operation by operation.

import { patchDocJson, patchSummary } from "@agentos/kernel";
import { command } from "../command.ts";
import { readPatch } from "../patch-file.ts";
import { patchLines } from "../render/air-patch.ts";

export default command({
  positionals: { file: { type: "string", demandOption: true, describe: "A patch document; - for standard input" } },
  options: {},
  epilogue: "Reads the document and looks nothing up: whether it applies, `aos air patch apply --dry-run` says.\nWith --json: {base, summary, document}.",
  async run(cx, { file }) {
    const { doc } = await readPatch(cx, file);
    cx.out.result({ base: doc.base_manifest_hash, summary: patchSummary(doc), document: patchDocJson(doc) }, patchLines(doc, cx.out.style));
  },
});
