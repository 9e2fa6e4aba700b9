// aos air diff: what differs between two worlds, by meaning.

import { diffControl } from "@agentos/kernel";
import { command } from "../command.ts";
import { diffLines } from "../render/air-diff.ts";
import { controlAt } from "../world-at.ts";

export default command({
  positionals: {
    a: { type: "string", demandOption: true, describe: "World before: a folder, a commit, or `worktree`" },
    b: { type: "string", demandOption: true, describe: "World after, named alike" },
  },
  options: {},
  epilogue: "Authority first: what the second world may do that the first may not. Exit code 0 whether or not they differ.\nWith --json: {baseManifest, nextManifest, definitions, sections, authority}.",
  async run(cx, { a, b }) {
    const diff = diffControl(await controlAt(cx, a), await controlAt(cx, b));
    cx.out.result(diff, diffLines(diff, cx.out.style));
  },
});
