// A process of its own that prints the hashes of two reports, one of a scenario and one of a window: nothing around it may matter.

import { hashBytes } from "../air/hash.ts";
import { bundleOf } from "../air/load.ts";
import { shadow } from "../core/shadow.ts";
import { reportHash } from "../core/shadow-report.ts";
import { notesWorld, scenarioOf, shadowBench, START_EVENT, V2 } from "./shadow-world.ts";
import { httpReceipt } from "./stub-adapter.ts";

const bench = await shadowBench();
const recorded = bench.boot(bench.control(notesWorld()));
const window = { world: recorded.world, turns: recorded.turns };
const from = recorded.turns.length;
for (const id of ["ı", "I", "z"]) recorded.send("demo/Note@1", { id, body: id }).send(START_EVENT.schema, START_EVENT.value, { payload: httpReceipt(200) });
const next = bench.control(notesWorld(V2));
const input = { world: recorded.world, next, nextBundle: hashBytes(bundleOf(next)), head: { commit: "c".repeat(40) }, recorded: recorded.receipts };
const scenarios = [scenarioOf({ events: [START_EVENT] })];
const reports = [shadow({ ...input, scenarios }, bench.deps), shadow({ ...input, scenarios: [], window: { ...window, turns: recorded.turns.slice(from) } }, bench.deps)];
console.log(reports.map(reportHash).join(" "));
