// aos air diff: what differs between two worlds, or two AIR files, by meaning.

import { AosError, diffControl, diffNodes } from "@agentos/kernel";
import { command } from "../command.ts";
import { nodesAt } from "../nodes-at.ts";
import { diffLines, nodesDiffLines } from "../render/air-diff.ts";
import { controlAt } from "../world-at.ts";

export default command({
  positionals: {
    a: { type: "string", demandOption: true, describe: "World before: a folder, a commit, or `worktree`; or an AIR file, or COMMIT:FILE" },
    b: { type: "string", demandOption: true, describe: "World or file after, named alike" },
  },
  options: {},
  epilogue: "Authority first: what the second world may do that the first may not. Two files are compared by themselves, plans as written, and\nwithout authority, which follows from whole worlds. Exit code 0 whether or not they differ.\nWith --json: {baseManifest, nextManifest, definitions, sections, authority}; of files {definitions, sections, authority: null}.",
  async run(cx, { a, b }) {
    const [before, after] = [await nodesAt(cx, a), await nodesAt(cx, b)];
    if (before !== undefined && after !== undefined) {
      const diff = diffNodes(before, after);
      return cx.out.result({ ...diff, authority: null }, nodesDiffLines(diff, { a, b }, cx.out.style));
    }
    if (before !== undefined || after !== undefined) {
      const [file, other] = before === undefined ? [b, a] : [a, b];
      throw new AosError("diff.mixed", `${other}: not an AIR file, and ${file} is one`, { hint: `name two files, such as HEAD:${file.replace(/^[^:]*:/, "")} and ${file.replace(/^[^:]*:/, "")}, or two worlds` });
    }
    const diff = diffControl(await controlAt(cx, a), await controlAt(cx, b));
    return cx.out.result(diff, diffLines(diff, cx.out.style));
  },
});
