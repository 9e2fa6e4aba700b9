// aos journal repair: cuts a damaged journal at its first bad record; what is cut is kept beside it.

import { access } from "node:fs/promises";
import { AosError, dropSnapshots, lockWorld, repairJournal } from "@agentos/kernel";
import { stateFolderAt } from "@agentos/controller";
import { command } from "../command.ts";
import { count } from "../render/style.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Only for a journal that a start refuses, and for records that are nowhere else. Those that were published come back from refs/notes/aos:\nmove the folder `journal` away instead, and the next start makes it anew (docs/operations.md).",
  async run(cx) {
    const folder = stateFolderAt(await worldRepo(cx));
    await access(folder.journal).catch((cause: unknown) => {
      throw new AosError("journal.missing", `${folder.journal}: there is no journal here`, { at: { file: folder.journal }, cause, hint: "the world has not run in this repository yet" });
    });
    const lock = await lockWorld(folder.path, { command: "aos journal repair" });
    try {
      const { droppedTurns, keptFile, nextSeq } = await repairJournal({ dir: folder.journal });
      await dropSnapshots(folder.snapshots, { beyondSeq: nextSeq });
      const lines = keptFile === undefined ? [`nothing to repair: all ${count(nextSeq, "record")} can be read`] : [`${nextSeq === 0 ? "cut the whole journal" : `cut the journal after seq ${nextSeq - 1}`}: ${count(droppedTurns, "turn")} dropped`, `what was cut is kept in ${keptFile}`];
      cx.out.result({ droppedTurns, keptFile, nextSeq }, lines);
    } finally {
      await lock.release();
    }
  },
});
