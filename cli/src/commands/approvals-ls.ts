// aos approvals ls: effects that wait for a person.

import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import { approvalLines } from "../render/waits.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "A policy rule with the decision `require_approval` holds an effect until a person decides, or its time is over.\nAsks the running world, else replays its journal.\nWith --json: {approvals: [{seq, intent, effect, cap, by, instance?, step?, params, policy, rule, since, expires?}], seq}.",
  async run(cx) {
    const answer = await (await answersOf(cx, await worldRepo(cx))).approvals();
    cx.out.result(answer, approvalLines(answer.approvals, { style: cx.out.style, nowMs: Date.now() }));
  },
});
