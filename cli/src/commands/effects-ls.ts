// aos effects ls: effects that have no receipt yet.

import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import { effectLines } from "../render/waits.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: {},
  epilogue: "Asks the running world, else replays its journal.\nWith --json: {effects: [{seq, intent, effect, cap, by, instance?, step?, since, adapter?, state?}], seq}.",
  async run(cx) {
    const answer = await (await answersOf(cx, await worldRepo(cx))).effects();
    cx.out.result(answer, effectLines(answer.effects, { style: cx.out.style, nowMs: Date.now() }));
  },
});
