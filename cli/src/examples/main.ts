// `aos-examples`, `npm run examples`: runs the example worlds and checks how they end.

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { aggregator } from "./aggregator.ts";
import { approvalsBudgets } from "./approvals-budgets.ts";
import { blobEcho } from "./blob-echo.ts";
import { chainComp } from "./chain-comp.ts";
import { counter } from "./counter.ts";
import type { Example } from "./example.ts";
import { fetchNotify } from "./fetch-notify.ts";
import { helloTimer } from "./hello-timer.ts";
import { llmSummarizer } from "./llm-summarizer.ts";
import { runExample, type Ended, type RunOptions } from "./open-world.ts";
import { retryBackoff } from "./retry-backoff.ts";
import { safeUpgrade } from "./safe-upgrade.ts";
import { workspaces } from "./workspaces.ts";

const EXAMPLES: readonly Example[] = [counter, helloTimer, blobEcho, fetchNotify, aggregator, chainComp, safeUpgrade, llmSummarizer, retryBackoff, workspaces, approvalsBudgets];
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const USAGE = "usage: aos-examples [--force-build] [--json] [--real-time] <slug…|all>";

interface Words {
  readonly json: boolean;
  readonly forceBuild: boolean;
  readonly realTime: boolean;
  readonly names: readonly string[];
}

async function main(args: readonly string[]): Promise<number> {
  const words = readWords(args);
  if (typeof words === "string") return refuse(words, USAGE);
  const { names } = words;
  if (names.length === 0) {
    for (const { number, slug, title, summary } of EXAMPLES) console.log(words.json ? JSON.stringify({ number, slug, title, summary }) : `${number}  ${slug}  ${title}: ${summary}`);
    return 0;
  }
  const unknown = names.find((name) => name !== "all" && !EXAMPLES.some((example) => isNamed(example, name)));
  if (unknown !== undefined) return refuse(`${unknown}: there is no such example`, `${EXAMPLES.map(nameOf).join(", ")}, or all`);
  const wanted = EXAMPLES.filter((example) => names.includes("all") || names.some((name) => isNamed(example, name)));
  const options: RunOptions = {
    say: words.json ? () => undefined : console.log,
    time: words.realTime || !names.includes("all") ? "real" : "virtual",
    cacheDir: words.forceBuild ? undefined : join(ROOT, "node_modules/.cache/agentos-modules"),
  };
  let failed = 0;
  for (const example of wanted) if (!(await runOne(example, options, words))) failed++;
  if (!words.json) console.log(failed === 0 ? `${wanted.length} of ${wanted.length} examples OK` : `${failed} of ${wanted.length} examples failed`);
  return failed === 0 ? 0 : 1;
}

function readWords(args: readonly string[]): Words | string {
  try {
    const flags = { json: { type: "boolean", default: false }, "force-build": { type: "boolean", default: false }, "real-time": { type: "boolean", default: false } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options: flags, allowPositionals: true });
    return { json: values.json, forceBuild: values["force-build"], realTime: values["real-time"], names: positionals };
  } catch (error) {
    return error instanceof Error ? (error.message.split(".")[0] ?? "") : String(error);
  }
}

function refuse(message: string, hint: string): number {
  console.error(`error: ${message}\nhint: ${hint}`);
  return 2;
}

async function runOne(example: Example, options: RunOptions, { json }: Words): Promise<boolean> {
  if (!json) console.log(`Running example ${example.number} — ${example.title} (${example.slug})\n→ ${example.summary}`);
  try {
    const ended = await runExample(example, join(ROOT, "examples", nameOf(example)), options);
    for (const twin of example.twins ?? []) await assertTwin(example, twin, { ended, options });
    for (const { name, begin } of example.variants ?? []) {
      options.say(`   again, but ${name}`);
      await runExample({ ...example, begin }, join(ROOT, "examples", nameOf(example)), options);
    }
    console.log(json ? JSON.stringify(lineOf(example, ended)) : `   replay check: OK (state hash ${ended.stateHash})`);
    return true;
  } catch (error) {
    const causes = messagesOf(error);
    if (json) console.log(JSON.stringify({ slug: example.slug, ok: false, error: causes }));
    else console.error([`error: example ${nameOf(example)}: ${causes[0] ?? ""}`, ...causes.slice(1).map((cause) => `caused by: ${cause}`)].join("\n"));
    return false;
  }
}

async function assertTwin(example: Example, twin: string, { ended, options }: { readonly ended: Ended; readonly options: RunOptions }): Promise<void> {
  options.say(`   again, with ${twin}`);
  assert.deepEqual(await runExample(example, join(ROOT, twin), options), ended, `${twin} ends as the example does`);
}

/** One run for programs. */
function lineOf({ slug }: Example, { records, stateHash, intents }: Ended): unknown {
  return { slug, ok: true, records, state_hash: stateHash, intents, replay: "ok" };
}

function messagesOf(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)];
  return [error.message, ...(error.cause === undefined ? [] : messagesOf(error.cause))];
}

function nameOf({ number, slug }: Example): string {
  return `${number}-${slug}`;
}

function isNamed(example: Example, word: string): boolean {
  return [example.number, example.slug, nameOf(example)].includes(word);
}

process.exitCode = await main(process.argv.slice(2));
