// aos journal verify: replays the local journal; every derived record is compared, and what is published with it.

import { controlShelf, createModuleRunner, fileBlobs, fold, openFileJournal, stateRoot } from "@agentos/kernel";
import { checkPublished, readTip, stateFolderAt } from "@agentos/controller";
import { command } from "../command.ts";
import { count } from "../render/style.ts";
import { withStore, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue:
    "Every derived record is compared with what the replay makes, and every published segment is made again of local records. Exit code 4 at\nthe first frame, record or segment that is not what it should be. Changes nothing, and may run beside the world.\nFor a clone, and for signatures, there is `aos verify`.",
  async run(cx) {
    const repo = await worldRepo(cx);
    const folder = stateFolderAt(repo);
    // A world that runs beside seals on: what is published by now is in the journal that is opened next.
    const tip = await withStore(repo, readTip);
    const journal = await openFileJournal({ dir: folder.journal, mode: "read" });
    let turns = 0;
    const counted = async function* (): AsyncGenerator<readonly Uint8Array[]> {
      for await (const turn of journal.read(0)) {
        turns++;
        yield turn.records;
      }
    };
    const world = await fold(counted(), controlShelf(createModuleRunner(), fileBlobs(folder.blobs)));
    await withStore(repo, (store) => checkPublished(store, journal, { place: folder.journal, tip, fromSeq: 0 }));
    const root = world === undefined ? undefined : stateRoot(world);
    const records = world?.nextSeq ?? 0;
    const published = tip === undefined ? 0 : tip.checkpoint.lastSeq + 1;
    cx.out.result({ ok: true, turns, records, published, stateRoot: root }, [`${cx.out.style.green("ok")}  ${count(records, "record")} in ${count(turns, "turn")} replayed alike${tip === undefined ? "" : `, ${published} of them published as they are`}${root === undefined ? "" : `, state root ${root}`}`]);
  },
});
