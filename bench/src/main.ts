// `npm run bench [-- --runs <n>] [--short] [word …]`: prints one table, and one of the sandbox; words keep the rows whose names hold
// one of them, `sandbox` the second table.

import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measure, table, type Measured } from "./measure.ts";
import { rows } from "./rows.ts";
import { sandboxTable } from "./sandbox-rows.ts";

const RUNS_MIN = 5;

const { values, positionals } = parseArgs({ options: { runs: { type: "string", default: "7" }, short: { type: "boolean", default: false } }, allowPositionals: true });
const runs = Math.max(RUNS_MIN, Number(values.runs) || RUNS_MIN);
const size = values.short ? "short" : "full";
const withSandbox = positionals.length === 0 || positionals.includes("sandbox");
const wanted = (await rows(size)).filter(({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)));
if (wanted.length === 0 && !withSandbox) {
  console.error(`no row's name holds ${positionals.join(" or ")}`);
  process.exit(2);
}
const measured: Measured[] = [];
for (const row of wanted) {
  console.error(`${row.name} …`);
  measured.push(await measure(row, runs));
}
if (measured.length > 0) console.log(table(measured));
const few = [...new Set(measured.flatMap(({ row }) => (row.runsMax === undefined || row.runsMax >= runs ? [] : [row.runsMax])))];
console.log(`\nMedians of ${runs} runs${few.length === 0 ? "" : `, ${few.join(" or ")} of the long ones,`} after one that is not counted, subject and baseline in turn; "of baseline" is the median of the ratios of adjacent runs. Load ${loadavg().map((load) => load.toFixed(1)).join(" ")} on ${availableParallelism()} cores. Node ${process.versions.node}, ${process.platform} ${process.arch}.`);
if (withSandbox) console.log(`\n${await sandboxTable(size)}`);
