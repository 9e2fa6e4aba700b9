// `aos test`: a world's scenarios, each in an empty world, beside what their authors expect.

import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { aos, fingerprint, git, json, ok, temporaryFolder } from "./testing/aos.ts";

const LADDER = fileURLToPath(new URL("../../examples", import.meta.url));

interface Tested {
  readonly ok: boolean;
  readonly scenarios: readonly { readonly file: string; readonly name?: string; readonly ok: boolean; readonly expects: boolean; readonly events: number; readonly differences: readonly object[] }[];
}

test("aos test: a new world: passes; a source that changed: where it fails, exit 2; taken as meant: written, and passes", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world"], { cwd: folder }));
  const world = join(folder, "world");
  const [source, scenario] = ["reducer/counter.ts", "shadow/three.json"].map((path) => join(world, path)) as [string, string];
  assert.equal(ok(await aos(["test"], { cwd: world })).stdout, "ok    shadow/three.json  count to three  4 events, 0 effects, 1 cell\n1 scenario, all as expected\n");
  assert.equal(ok(await aos(["test", "--update"], { cwd: world })).stdout, "as it was  shadow/three.json  count to three  4 events, 0 effects, 1 cell\n0 scenarios written\n");
  await writeFile(source, (await readFile(source, "utf8")).replace("now.remaining - 1", "Math.max(1, now.remaining - 1)"));
  const before = await git(world, "status", "--porcelain");
  const failed = await aos(["test"], { cwd: world });
  assert.equal(failed.code, 2);
  assert.equal(failed.stdout, [
    "FAIL  shadow/three.json  count to three  4 events, 0 effects, 1 cell", '      cells 0 state pc $tag: expected "Done", came "Counting"', "      cells 0 state remaining: expected 0, came 1", "1 scenario, 1 not as expected\n",
  ].join("\n"));
  assert.equal(failed.stderr, "error: shadow/three.json: not what is expected\nhint: if it is meant: aos test --update, and look at what git says has changed\n");
  assert.equal(await git(world, "status", "--porcelain"), before, "nothing was written");

  const told = await aos(["test", "--json", "three.json"], { cwd: join(world, "shadow") });
  const [answer, error] = told.stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as unknown) as [Tested, { error: { code: string } }];
  assert.deepEqual([told.code, answer.ok, error.error.code], [2, false, "test.failed"]);
  assert.deepEqual(answer.scenarios[0]?.differences, [{ at: "cells/0/state/pc/$tag", expected: "Done", found: "Counting" }, { at: "cells/0/state/remaining", expected: 0, found: 1 }]);

  assert.match(ok(await aos(["test", "--update"], { cwd: world })).stdout, /^wrote {2}shadow\/three\.json .*\n1 scenario written\n$/);
  ok(await aos(["test"], { cwd: world }));
  assert.match(await git(world, "diff", "--unified=0", "shadow"), /\n-.*"Done".*"remaining": 0.*\n\+.*"Counting".*"remaining": 1/);

  await writeFile(scenario, '{ "events": [{ "schema": "demo/None@1", "value": null }] }\n');
  const refused = await aos(["test"], { cwd: world });
  assert.deepEqual([refused.code, /rejected 0: not expected: \{"event":0,"code":"schema\.missing"\}\n/.test(refused.stdout)], [2, true], refused.stdout);
  await mkdir(join(world, "shadow/more"));
  await writeFile(join(world, "shadow/more/one.json"), '{ "events": [{ "schema": "demo/CounterEvent@1", "value": { "$tag": "Start", "$value": { "target": 1 } } }] }\n');
  const some = json(await aos(["test", "shadow/more/one.json", "--json"], { cwd: world })) as unknown as Tested;
  assert.deepEqual(some.scenarios.map(({ file, ok: passed, expects, events }) => [file, passed, expects, events]), [["shadow/more/one.json", true, false, 1]]);
  assert.match(ok(await aos(["test", "shadow/more/one.json"], { cwd: world })).stdout, /; nothing is expected of it\n/);
});

test("aos test: asked for what is not there, of a world that does not hold: the sentence, exit 2, nothing written", async (t) => {
  const folder = await temporaryFolder(t);
  ok(await aos(["init", "world"], { cwd: folder }));
  const world = join(folder, "world");
  const rows: readonly (readonly [readonly string[], string, string, RegExp])[] = [
    [["shadow/tree.json"], "", "test.scenario", /^shadow\/tree\.json: no scenario of this world$/],
    [["README.md", "--update"], "", "test.scenario", /^README\.md: no scenario/],
    [[], "air/schemas.air.json", "check.failed", /\d errors in the world's files$/],
    [["--update"], "shadow/three.json", "check.failed", /1 error in the world's files$/],
    [[], "reducer/counter.ts", "build.failed", /counter\.ts/],
  ];
  let asked = 0;
  for (const [words, broken, code, says] of rows) {
    const text = broken === "" ? "" : await readFile(join(world, broken), "utf8");
    if (broken !== "") await writeFile(join(world, broken), "{ broken");
    const before = await fingerprint(world);
    const { code: exit, stdout } = await aos(["test", "--json", ...words], { cwd: world });
    const { error } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { error: { code: string; message: string; hint?: string } };
    assert.deepEqual([exit, error.code.replace(/^build\..*/, "build.failed")], [2, code], `${words.join(" ")} ${broken}: ${error.message}`);
    assert.match(error.message, says);
    assert.equal(error.hint !== undefined, code !== "build.failed", code);
    assert.deepEqual(await fingerprint(world), before);
    if (broken !== "") await writeFile(join(world, broken), text);
    asked++;
  }
  assert.equal(asked, 5);
});

test("aos test: every world of the ladder: expects something of each of its scenarios, and gets it", { timeout: 300_000 }, async () => {
  let tested = 0;
  for (const name of (await readdir(LADDER)).filter((entry) => /^\d\d-/.test(entry))) {
    const { scenarios } = json(await aos(["test", "--json"], { cwd: join(LADDER, name) })) as unknown as Tested;
    assert.ok(scenarios.length > 0, name);
    for (const { file, ok: passed, expects } of scenarios) assert.deepEqual([passed, expects], [true, true], `${name} ${file}`);
    tested++;
  }
  assert.equal(tested, 11);
});
