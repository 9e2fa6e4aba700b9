// aos run: this repository's world, in the foreground.

import { configGet, readPinnedTrust } from "@agentos/controller";
import { command } from "../command.ts";
import { serve, SERVE_OPTIONS, serveArgs, untilIdle } from "../serve.ts";
import { agentKey, controllerKey, withStore, worldId, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {
    once: { type: "boolean", default: false, describe: "Do what there is to do, then stop: exit 0, or 3 where somebody must act first" },
    ...SERVE_OPTIONS,
  },
  epilogue: "Signs with the repository's controller key (git config aos.controllerkey; else keys/controller in its own folder).\nCtrl-C stops it: running effects end, what is left is sealed. State stays in the repository; the next run goes on.\nLogs one line at a time: for people on a terminal, else JSON. More: docs/operations.md.",
  async run(cx, args) {
    const asked = serveArgs(args);
    const repo = await worldRepo(cx);
    const key = await controllerKey(cx, repo);
    const trust = (await readPinnedTrust(repo)) ?? (await withStore(repo, (store) => worldId(cx, repo, store)));
    if ((await configGet(repo, "remote.origin.url")) !== undefined) cx.out.notice("nothing goes to origin: this runs the world here; the world of a shared repository is run by `aos controller`");
    await serve(cx, { repo, key, remote: undefined, trust, ...(await agentKey(cx, repo, args["agent-key"])), ...asked }, args.once ? (controller) => untilIdle(cx, controller) : "stopped");
  },
});
