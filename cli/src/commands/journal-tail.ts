// aos journal tail: records, one a line.

import { AosError } from "@agentos/kernel";
import { connectWorld, kindsOf, type RecordJson, type Repo } from "@agentos/controller";
import { answersOf, type Answers } from "../answer.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { countOf } from "../count.ts";
import { recordLine } from "../render/record.ts";
import { worldRepo } from "../world.ts";

const PAGE = 500;
/** How long after a stream ended, or was cut off, it is asked for again, and how often in a row without a record between. */
const AGAIN_MS = 200;
const AGAIN_MAX = 25;

export default command({
  positionals: {},
  options: {
    from: { type: "number", requiresArg: true, describe: "Seq of the first record [default: so that the last LIMIT are shown]" },
    limit: { type: "number", requiresArg: true, default: 20, describe: "How many records at most" },
    kinds: { type: "string", requiresArg: true, describe: "Only records of these kinds, such as intent,receipt" },
    follow: { alias: "f", type: "boolean", default: false, describe: "Go on as new records come, until it is interrupted" },
  },
  epilogue: "Asks the running world, else reads its journal. With --json: one record a line.\nWith --kinds, LIMIT counts the records looked at, unless --from is given.",
  async run(cx, { from, limit, kinds, follow }) {
    if (from !== undefined) countOf("--from", from);
    countOf("--limit", limit);
    const wanted = kinds === undefined ? undefined : kindsOf({ path: "--kinds", query: new URLSearchParams({ kinds }) });
    const repo = await worldRepo(cx);
    const answers = await answersOf(cx, repo);
    const { end } = await answers.journal({ from: 0, limit: 1 });
    const next = await print(cx, answers, { from: from ?? Math.max(0, end - limit), limit, kinds: wanted });
    if (!follow) return;
    if (answers.from !== "running") throw new AosError("world.away", "nothing new will come: the world is not running", { class: "outside", hint: "start it with `aos run`" });
    await followFrom(cx, repo, { next, kinds });
  },
});

/** Prints a range page by page; returns the seq after the last record looked at. */
async function print(cx: Context, answers: Answers, range: { readonly from: number; readonly limit: number; readonly kinds: ReadonlySet<string> | undefined }): Promise<number> {
  let at = range.from;
  let left = range.limit;
  while (left > 0) {
    const { records, next, end } = await answers.journal({ from: at, limit: Math.min(PAGE, left) });
    for (const record of records) if (range.kinds?.has(record.kind) ?? true) printRecord(cx, record);
    [at, left] = [next, left - records.length];
    if (records.length === 0 || at >= end) break;
  }
  return at;
}

/** Follows the stream of a running world; one that is cut off is taken up again after the last record, while the world runs. */
async function followFrom(cx: Context, repo: Repo, { next, kinds }: { readonly next: number; readonly kinds: string | undefined }): Promise<never> {
  let last = next - 1;
  const query = new URLSearchParams(kinds === undefined ? {} : { kinds });
  for (let again = 0; ; again++) {
    const world = await connectWorld(repo);
    if (world === undefined) throw new AosError("world.away", "nothing new will come: the world has stopped", { class: "outside", hint: "start it with `aos run`" });
    query.set("from", String(last + 1));
    try {
      for await (const { data } of world.follow(`/journal/stream?${query.toString()}`)) {
        const record = JSON.parse(data) as RecordJson;
        [last, again] = [record.seq, 0];
        printRecord(cx, record);
      }
    } catch (error) {
      // A world that stops closes connections that it has taken: the next look finds it gone.
      if (!(error instanceof AosError) || error.code !== "world.away" || again >= AGAIN_MAX) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

function printRecord(cx: Context, record: RecordJson): void {
  cx.out.item(record, [recordLine(record, cx.out.style)]);
}
