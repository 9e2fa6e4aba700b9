// aos suspend: what is in force stays so, and merges wait.

import { setTimeout as sleep } from "node:timers/promises";
import { AosError } from "@agentos/kernel";
import { connectWorld, suspensionText, writeSuspension, type ControlClient, type Suspension, type WorldStatus } from "@agentos/controller";
import { command } from "../command.ts";
import { shown } from "../render/style.ts";
import { folderOfController } from "../suspending.ts";
import { ownerOf } from "../sync/links.ts";
import { endOf } from "../until.ts";
import { worldRepo } from "../world.ts";

const WAIT_MS = 30_000;
const LOOK_MS = 50;

export default command({
  positionals: {},
  options: {
    until: { type: "string", requiresArg: true, describe: "When it ends by itself: a date, or a span such as 90min, 2h, 3d [default: with `aos resume`]" },
    reason: { type: "string", requiresArg: true, describe: "Why; `aos status` says it" },
  },
  epilogue:
    "The controller applies no merge from then on; those that come wait, in their order. Events, effects and publishing go on, and until a merge waits, reports on proposals.\n" +
    "Said where the world runs, for its controller; said again, the last word counts. With --json: {suspended, heeded}; not heeded where it does not run now.",
  async run(cx, { until, reason }) {
    const repo = await worldRepo(cx);
    const folder = await folderOfController(repo, "suspend");
    if (reason?.trim() === "") throw new AosError("suspend.reason", "--reason: it is empty", { hint: "why it is suspended, or leave it out" });
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
