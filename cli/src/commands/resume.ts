// aos resume: merges that waited are applied, in their order.

import { AosError } from "@agentos/kernel";
import { connectWorld, endSuspension, readSuspension, stateFolderAt, suspensionText } from "@agentos/controller";
import { command } from "../command.ts";
import { shown } from "../render/style.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Ends what `aos suspend` began. With --json: {was}; null where nothing was suspended.",
  async run(cx) {
    const repo = await worldRepo(cx);
    const folder = stateFolderAt(repo);
    const was = await readSuspension(folder, Date.now()).catch((error: unknown) => {
      // One that cannot be read is removed, as its error says.
      if (error instanceof AosError && error.code === "suspend.file") return "unreadable" as const;
      throw error;
    });
    await endSuspension(folder);
    await (await connectWorld(repo))?.ask("POST", "/nudge");
    const lines = was === undefined ? ["it was not suspended"] : [`${cx.out.style.green("resumed")}  ${was === "unreadable" ? "what was there could not be read" : `it was suspended ${shown(suspensionText(was))}`}`];
    cx.out.result({ was: was ?? null }, lines);
  },
});
