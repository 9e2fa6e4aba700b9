// aos journal tail: records, one a line.

import { AosError } from "@agentos/kernel";
import { answersOf, type Answers } from "../answer.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { recordLine } from "../render/record.ts";
import { worldRepo } from "../world.ts";

const FOLLOW_MS = 250;
const PAGE = 500;

export default command({
  positionals: {},
  options: {
    from: { type: "number", requiresArg: true, describe: "Seq of the first record [default: so that the last LIMIT are shown]" },
    limit: { type: "number", requiresArg: true, default: 20, describe: "How many records at most" },
    follow: { alias: "f", type: "boolean", default: false, describe: "Go on as new records come, until it is interrupted" },
  },
  epilogue: "Asks the running world, else reads its journal. With --json: one record a line.",
  async run(cx, { from, limit, follow }) {
    for (const [name, value] of [["from", from], ["limit", limit]] as const) {
      if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) throw new AosError("cli.count", `--${name}: expected a whole number from 0`, { hint: "such as --limit 20" });
    }
    const answers = await answersOf(cx, await worldRepo(cx));
    const { end } = await answers.journal({ from: 0, limit: 1 });
    let next = await print(cx, answers, { from: from ?? Math.max(0, end - limit), limit });
    if (!follow) return;
    if (answers.from !== "running") throw new AosError("world.away", "nothing new will come: the world is not running", { class: "outside", hint: "start it with `aos run`" });
    for (;;) {
      next = await print(cx, answers, { from: next, limit: Number.MAX_SAFE_INTEGER });
      await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    }
  },
});

/** Prints a range page by page; returns the seq after the last record printed. */
async function print(cx: Context, answers: Answers, range: { readonly from: number; readonly limit: number }): Promise<number> {
  let at = range.from;
  let left = range.limit;
  while (left > 0) {
    const { records, next, end } = await answers.journal({ from: at, limit: Math.min(PAGE, left) });
    for (const record of records) cx.out.item(record, [recordLine(record, cx.out.style)]);
    [at, left] = [next, left - records.length];
    if (records.length === 0 || at >= end) break;
  }
  return at;
}
