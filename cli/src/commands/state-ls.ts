// aos state ls: the cells of one reducer.

import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import { columns, count, short } from "../render/style.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: { reducer: { type: "string", demandOption: true, describe: "Name of the reducer, such as demo/CounterSM@1" } },
  options: {},
  async run(cx, { reducer }) {
    const answers = await answersOf(cx, await worldRepo(cx));
    const answer = await answers.cells(reducer);
    const rows = answer.cells.map(({ key, stateHash, bytes }) => [key === null ? "(no key)" : JSON.stringify(key), short(stateHash), count(bytes, "byte")]);
    cx.out.result(answer, rows.length === 0 ? [`${reducer} has no cells yet`] : columns(rows));
  },
});
