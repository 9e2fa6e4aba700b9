// aos event send: gives the running world an event and prints what it made of it.

import { AosError } from "@agentos/kernel";
import type { RecordJson } from "@agentos/controller";
import { requireRunning } from "../answer.ts";
import { command } from "../command.ts";
import { jsonArgument } from "../json-argument.ts";
import { recordLine } from "../render/record.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {
    schema: { type: "string", demandOption: true, describe: "Name of the event's schema, such as demo/CounterEvent@1" },
    value: { type: "string", demandOption: true, describe: "The event: JSON, @FILE, or @- for standard input" },
  },
  options: {
    key: { type: "string", requiresArg: true, describe: "The event's key as JSON, for reducers with keys" },
    wait: { type: "boolean", default: false, describe: "Wait until the world has come to rest" },
  },
  epilogue: `Exit code 3 when the world rejects the event.\nExample: aos event send demo/CounterEvent@1 '{"$tag":"Start","$value":{"target":3}}'`,
  async run(cx, { schema, value, key, wait }) {
    const repo = await worldRepo(cx);
    const event = { schema, value: await jsonArgument(cx, "VALUE", value), ...(key === undefined ? {} : { key: await jsonArgument(cx, "--key", key) }) };
    const world = await requireRunning(repo);
    const { records } = (await world.ask("POST", "/events", event)) as { readonly records: readonly RecordJson[] };
    const settled = wait ? ((await world.ask("POST", "/settle")) as { readonly seq: number }) : undefined;
    const lines = records.map((record) => recordLine(record, cx.out.style));
    cx.out.result({ records, ...settled }, settled === undefined ? lines : [...lines, `at rest, next seq ${settled.seq}`]);
    const [first] = records;
    if (first?.kind !== "rejected") return;
    const message = String(first["message"]);
    throw new AosError(String(first["code"]), message.startsWith(schema) ? message : `${schema}: ${message}`, { class: "refused", at: { seq: first.seq }, hint: `the event must fit ${schema} and have a route` });
  },
});
