// `npm run examples`, or `node cli/dist/examples/main.js [NN-slug…|all]`: runs the example worlds and checks how they end.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { counter } from "./counter.ts";
import type { Example } from "./example.ts";
import { runExample } from "./open-world.ts";
import { safeUpgrade } from "./safe-upgrade.ts";

const EXAMPLES: readonly Example[] = [counter, safeUpgrade];
const FOLDER = fileURLToPath(new URL("../../../examples", import.meta.url));

async function main(words: readonly string[]): Promise<number> {
  if (words.length === 0) {
    for (const { number, slug, title, summary } of EXAMPLES) console.log(`${number}-${slug}  ${title}: ${summary}`);
    return 0;
  }
  const unknown = words.find((word) => word !== "all" && !EXAMPLES.some((example) => isNamed(example, word)));
  if (unknown !== undefined) {
    console.error(`error: ${unknown}: there is no such example\nhint: ${EXAMPLES.map(nameOf).join(", ")}, or all`);
    return 2;
  }
  const wanted = EXAMPLES.filter((example) => words.includes("all") || words.some((word) => isNamed(example, word)));
  let failed = 0;
  for (const example of wanted) if (!(await runOne(example))) failed++;
  console.log(failed === 0 ? `${wanted.length} of ${wanted.length} examples OK` : `${failed} of ${wanted.length} examples failed`);
  return failed === 0 ? 0 : 1;
}

async function runOne(example: Example): Promise<boolean> {
  console.log(`Running example ${example.number} — ${example.title} (${example.slug})`);
  console.log(`→ ${example.summary}`);
  try {
    const root = await runExample(example, join(FOLDER, nameOf(example)), console.log);
    console.log(`   replay check: OK (state root ${root})`);
    return true;
  } catch (error) {
    console.error(`error: example ${nameOf(example)}: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

function nameOf({ number, slug }: Example): string {
  return `${number}-${slug}`;
}

function isNamed(example: Example, word: string): boolean {
  return [example.number, example.slug, nameOf(example)].includes(word);
}

process.exitCode = await main(process.argv.slice(2));
