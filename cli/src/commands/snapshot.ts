// aos snapshot: has the running world write down its state, so that its next start need not replay what came before.

import { requireRunning } from "../answer.ts";
import { command } from "../command.ts";
import { count } from "../render/style.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: { full: { type: "boolean", default: false, describe: "everything anew, whatever was written before" } },
  epilogue:
    "The world makes snapshots by itself too. They are local and can be made again from the journal. A snapshot holds what changed since the\none before and needs that one's files; a full one stands alone, and has the same bytes wherever the same journal was replayed.\nWith --json: {seq, root, bytes, file}.",
  async run(cx, { full }) {
    const world = await requireRunning(await worldRepo(cx));
    const made = (await world.ask("POST", "/snapshot", full ? { mode: "full" } : undefined)) as { readonly seq: number; readonly root: string; readonly bytes: number; readonly file: string };
    cx.out.result(made, [`${full ? "full snapshot" : "snapshot"} at seq ${made.seq}, ${count(made.bytes, "byte")}: ${made.file}`, `state root  ${made.root}`]);
  },
});
