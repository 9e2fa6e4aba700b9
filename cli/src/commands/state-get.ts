// aos state get: the state of one cell.

import { writeJson } from "@agentos/kernel";
import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import { jsonArgument } from "../json-argument.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: { reducer: { type: "string", demandOption: true, describe: "Name of the reducer, such as demo/CounterSM@1" } },
  options: { key: { type: "string", requiresArg: true, describe: "The cell's key as JSON, for reducers with keys" } },
  epilogue: "Asks the running world, else replays its journal. Prints null where there is no state.\nWith --json: {state, stateHash, seq}.",
  async run(cx, { reducer, key }) {
    const answers = await answersOf(cx, await worldRepo(cx));
    const asked = key === undefined ? undefined : writeJson(await jsonArgument(cx, "--key", key));
    const answer = await answers.state(reducer, asked);
    cx.out.result(answer, JSON.stringify(answer.state ?? null, null, 2).split("\n"));
  },
});
