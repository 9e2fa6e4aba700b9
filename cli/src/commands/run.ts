// aos run: this repository's world, in the foreground.

import { configGet, readPinnedTrust } from "@agentos/controller";
import { command } from "../command.ts";
import { pollOf, serve, untilIdle } from "../serve.ts";
import { controllerKey, withStore, worldId, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {
    once: { type: "boolean", default: false, describe: "Do what there is to do, then stop" },
    "poll-ms": { type: "number", requiresArg: true, describe: "How often to look at the repository without a hint [default: 1000]" },
  },
  epilogue: "Signs with the repository's controller key (git config aos.controllerkey; else keys/controller in its own folder).\nCtrl-C stops it: running effects end, what is left is sealed. State stays in the repository; the next run goes on.",
  async run(cx, args) {
    const repo = await worldRepo(cx);
    const key = await controllerKey(cx, repo);
    const trust = (await readPinnedTrust(repo)) ?? (await withStore(repo, (store) => worldId(cx, repo, store)));
    if ((await configGet(repo, "remote.origin.url")) !== undefined) cx.out.notice("nothing goes to origin: this runs the world here; the world of a shared repository is run by `aos controller`");
    await serve(cx, { repo, key, remote: undefined, trust, ...pollOf(args["poll-ms"]) }, args.once ? untilIdle : "stopped");
  },
});
