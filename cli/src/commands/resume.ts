// aos resume: merges that waited are applied, in their order.

import { connectWorld, endSuspension, readSuspension, suspensionText } from "@agentos/controller";
import { command } from "../command.ts";
import { shown } from "../render/style.ts";
import { folderOfController } from "../suspending.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Ends what `aos suspend` began. With --json: {was}; null where nothing was suspended.",
  async run(cx) {
    const repo = await worldRepo(cx);
    const folder = await folderOfController(repo, "resume");
    const was = await readSuspension(folder, Date.now());
    await endSuspension(folder);
    await (await connectWorld(repo))?.ask("POST", "/nudge");
    const lines = was === undefined ? ["it was not suspended"] : [`${cx.out.style.green("resumed")}  it was suspended ${shown(suspensionText(was))}`];
    cx.out.result({ was: was ?? null }, lines);
  },
});
