// `aos watch`: a change is checked, built and rehearsed as it is saved.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { aos, eventually, git, startAos, temporaryFolder } from "./testing/aos.ts";

test("aos watch: a save: built, checked and rehearsed; a broken file: told, and mended", { timeout: 120_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  assert.equal((await aos(["init", "world"], { cwd: folder })).code, 0);
  const world = join(folder, "world");
  assert.equal((await aos(["run", "--once"], { cwd: world })).code, 0);
  const before = await git(world, "rev-parse", "HEAD");
  const running = await startAos(t, ["watch", "--json"], { cwd: world, ready: /"round":1/ });
  const source = join(world, "reducer", "counter.ts");
  const text = await readFile(source, "utf8");
  await writeFile(source, "export default 1 +;\n");
  await eventually(async () => (/"ok":false/.test(running.output()) ? true : undefined), "the error");
  await writeFile(source, `${text}\nexport const more = 1;\n`);
  await eventually(async () => (/"ok":true(?![^]*"ok":false)/.test(running.output()) && running.output().split('"ok":true').length > 2 ? true : undefined), "a round that holds");
  assert.match(running.output(), /"tests":\{"ok":true,"scenarios":\[\{"file":"shadow\/three\.json",[^]*"report":\{/);
  assert.equal(await running.stop(), 0);

  const shown = await startAos(t, ["watch"], { cwd: world, ready: /<sub>Ran on seq/ });
  await writeFile(join(world, "README.md"), "nothing that a world is made of\n");
  await eventually(async () => (/\n--- [^\n]*\nok {2}[^\n]*\n1 scenario, all as expected\nthe shadow run is as it was\n/.test(shown.output()) ? true : undefined), "a round that is as it was");
  await writeFile(source, text.replace("now.remaining - 1", "Math.max(1, now.remaining - 1)"));
  await eventually(async () => (/\nFAIL {2}shadow\/three\.json {2}[^]*\n {6}cells 0 state [^]*\n1 scenario, 1 not as expected\n/.test(shown.output()) ? true : undefined), "what is not as expected");
  assert.equal(await shown.stop(), 0);
  assert.equal(await git(world, "rev-parse", "HEAD"), before);
});
