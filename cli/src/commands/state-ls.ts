// aos state ls: the cells of one reducer, page by page.

import { answersOf } from "../answer.ts";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { columns, count, short } from "../render/style.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: { reducer: { type: "string", demandOption: true, describe: "Name of the reducer, such as demo/CounterSM@1" } },
  options: {
    limit: { type: "number", requiresArg: true, default: 100, describe: "How many cells at most" },
    after: { type: "string", requiresArg: true, describe: "Go on after the page that named this" },
  },
  epilogue: "Asks the running world, else replays its journal. Cells come in an order that stays the same, but is not that of their keys.\nWith --json: {cells: [{key, stateHash, bytes}], next?, seq}; next is what --after takes.",
  async run(cx, { reducer, limit, after }) {
    const page = { after, limit: countOf("--limit", limit, { least: 1 }) };
    const answers = await answersOf(cx, await worldRepo(cx));
    const answer = await answers.cells(reducer, page);
    const rows = answer.cells.map(({ key, stateHash, bytes }) => [key === null ? "(no key)" : JSON.stringify(key), short(stateHash), count(bytes, "byte")]);
    const none = after === undefined ? `${reducer} has no cells yet` : `${reducer} has no further cells`;
    cx.out.result(answer, rows.length === 0 ? [none] : columns(rows));
    if (answer.next !== undefined) cx.out.notice(`more follow: aos state ls ${reducer} --after ${answer.next}`);
  },
});
