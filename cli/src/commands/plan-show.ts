// aos plan show: one plan instance with its steps and variables.

import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { planDetailLines } from "../render/waits.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: { id: { type: "number", demandOption: true, describe: "The instance's number, as `aos plan ls` prints it" } },
  options: {},
  epilogue: "Asks the running world, else replays its journal. An instance that ended is in the journal: aos journal tail --kinds plan_ended.\nWith --json: {plan: {id, plan, input, vars, steps: [{step, op, state, output?}], waits, …}, seq}.",
  async run(cx, { id }) {
    const instance = countOf("ID", id);
    const answer = await (await answersOf(cx, await worldRepo(cx))).plan(instance);
    cx.out.result(answer, planDetailLines(answer.plan, { style: cx.out.style, nowMs: Date.now() }));
  },
});
