// aos suspend: what is in force stays so, and merges wait.

import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { AosError } from "@agentos/kernel";
import { connectWorld, stateFolderAt, suspensionText, writeSuspension, type ControlClient, type Suspension, type WorldStatus } from "@agentos/controller";
import { command } from "../command.ts";
import { shown } from "../render/style.ts";
import { ownerOf } from "../sync/links.ts";
import { endOf } from "../until.ts";
import { placeOf, worldRepo } from "../world.ts";

const WAIT_MS = 30_000;
const LOOK_MS = 50;

export default command({
  positionals: {},
  options: {
    until: { type: "string", requiresArg: true, describe: "When it ends by itself: a date, or a span such as 90min, 2h, 3d [default: with `aos resume`]" },
    reason: { type: "string", requiresArg: true, describe: "Why; `aos status` says it" },
  },
  epilogue:
    "The controller applies no merge from then on; those that come wait, in their order. Events, effects, reports on proposals and publishing go on.\n" +
    "Said where the world runs, for its controller; said again, the last word counts. With --json: {suspended, heeded}; not heeded where it does not run now.",
  async run(cx, { until, reason }) {
    const repo = await worldRepo(cx);
    const folder = stateFolderAt(repo);
    if ((await stat(folder.journal).catch(() => undefined)) === undefined) {
      throw new AosError("suspend.elsewhere", `${placeOf(repo)}: the world does not run here, so nobody would heed it`, { hint: "say it where its controller is: aos -w CONTROLLER.git suspend" });
    }
    const nowMs = Date.now();
    const suspension: Suspension = { by: await ownerOf(repo), since: iso(nowMs), ...(until === undefined ? {} : { until: iso(endOf(until, nowMs)) }), ...(reason === undefined ? {} : { reason }) };
    await writeSuspension(folder, suspension);
    const client = await connectWorld(repo);
    if (client !== undefined) await heeded(client, suspension);
    const { style } = cx.out;
    cx.out.result({ suspended: suspension, heeded: client !== undefined }, [
      `${style.yellow("suspended")}  ${shown(suspensionText(suspension))}`,
      client === undefined ? "  the world is not running: it heeds this when it starts" : "  no merge is applied from here on; what is in force goes on",
      "Next:", "  aos status    # what waits", "  aos resume",
    ]);
  },
});

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** @throws AosError `suspend.late` where the controller does not look */
async function heeded(client: ControlClient, { since }: Suspension): Promise<void> {
  await client.ask("POST", "/nudge");
  for (const until = Date.now() + WAIT_MS; Date.now() < until; await sleep(LOOK_MS)) {
    if (((await client.ask("GET", "/status")) as WorldStatus).suspended?.since === since) return;
  }
  throw new AosError("suspend.late", `the controller did not look within ${WAIT_MS / 1000} s`, { class: "outside", hint: "it heeds this at its next look: `aos status` says when it did" });
}
