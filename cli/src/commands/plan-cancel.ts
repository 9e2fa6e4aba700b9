// aos plan cancel: ends a plan instance where it stands.

import type { RecordJson } from "@agentos/controller";
import { requireRunning } from "../answer.ts";
import { command } from "../command.ts";
import { countOf } from "../count.ts";
import { recordLine } from "../render/record.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: { id: { type: "number", demandOption: true, describe: "The instance's number, as `aos plan ls` prints it" } },
  options: { reason: { type: "string", requiresArg: true, describe: "Why; it goes into the journal" } },
  epilogue: "The plan ends with the code `cancelled`; a receipt that still comes changes nothing.\nWith --json: {records}.",
  async run(cx, { id, reason }) {
    const instance = countOf("ID", id);
    const world = await requireRunning(await worldRepo(cx));
    const answer = (await world.ask("POST", `/plans/${instance}/cancel`, reason === undefined ? {} : { reason })) as { readonly records: readonly RecordJson[] };
    cx.out.result(answer, answer.records.map((record) => recordLine(record, cx.out.style)));
  },
});
