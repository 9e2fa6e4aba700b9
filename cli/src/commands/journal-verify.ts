// aos journal verify: replays the local journal; every derived record is compared.

import { controlShelf, createModuleRunner, fileBlobs, fold, openFileJournal, stateRoot } from "@agentos/kernel";
import { stateFolderAt } from "@agentos/controller";
import { command } from "../command.ts";
import { count } from "../render/style.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Exit code 4 at the first frame or record that is not what it should be. Changes nothing, and may run beside the world.\nFor a clone, and for signatures, there is `aos verify`.",
  async run(cx) {
    const folder = stateFolderAt(await worldRepo(cx));
    const journal = await openFileJournal({ dir: folder.journal, mode: "read" });
    let turns = 0;
    const counted = async function* (): AsyncGenerator<readonly Uint8Array[]> {
      for await (const turn of journal.read(0)) {
        turns++;
        yield turn.records;
      }
    };
    const world = await fold(counted(), controlShelf(createModuleRunner(), fileBlobs(folder.blobs)));
    const root = world === undefined ? undefined : stateRoot(world);
    const records = world?.nextSeq ?? 0;
    cx.out.result({ ok: true, turns, records, stateRoot: root }, [`${cx.out.style.green("ok")}  ${count(records, "record")} in ${count(turns, "turn")} replayed alike${root === undefined ? "" : `, state root ${root}`}`]);
  },
});
