// aos plan ls: the plan instances that run, and what each waits for.

import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { planLines } from "../render/waits.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {
    limit: { type: "number", requiresArg: true, default: 100, describe: "How many instances at most" },
    after: { type: "number", requiresArg: true, describe: "Go on after the instance of this number" },
  },
  epilogue: "Asks the running world, else replays its journal.\nWith --json: {plans: [{id, plan, startedSeq, started, deadline?, waits: [{step, kind, what, seq?, sinceSeq, since}]}], next?, seq}.",
  async run(cx, { limit, after }) {
    const page = { limit: countOf("--limit", limit, { least: 1 }), after: after === undefined ? undefined : countOf("--after", after) };
    const answer = await (await answersOf(cx, await worldRepo(cx))).plans(page);
    cx.out.result(answer, planLines(answer.plans, { style: cx.out.style, nowMs: Date.now() }));
    if (answer.next !== undefined) cx.out.notice(`more follow: aos plan ls --after ${answer.next}`);
  },
});
