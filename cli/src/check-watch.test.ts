// `aos check` for programs and for people who edit: its JSON, and the process that looks again on every change.

import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { aos, eventually, startAos, temporaryFolder } from "./testing/aos.ts";

const COUNTER = fileURLToPath(new URL("../../examples/00-counter", import.meta.url));
const FIELDS = ["severity", "code", "file", "pointer", "line", "column", "message"];

test("aos check --json: fields of a diagnostic, exit 0 or 2", async (t) => {
  const folder = await temporaryFolder(t);
  await cp(COUNTER, folder, { recursive: true });
  assert.equal((await aos(["build"], { cwd: folder })).code, 0);
  const good = await aos(["check", "--json"], { cwd: folder });
  assert.equal(good.code, 0, good.stderr);
  assert.equal((JSON.parse(good.stdout) as { readonly ok: unknown }).ok, true);
  await writeFile(join(folder, "air/z.air.json"), '[{"$kind": "defschema", "name": "Bad", "type": {"nat": {}}}, {"$kind": "defscema"}]');
  await writeFile(join(folder, "air/y.air.json"), '{"a" 1}');
  const bad = await aos(["check", "--json"], { cwd: folder });
  assert.equal(bad.code, 2);
  const said = JSON.parse(bad.stdout.split("\n")[0] ?? "") as { readonly ok: unknown; readonly diagnostics: readonly Readonly<Record<string, unknown>>[] };
  assert.equal(said.ok, false);
  assert.ok(said.diagnostics.length >= 3);
  for (const { hint, ...rest } of said.diagnostics) {
    assert.deepEqual(Object.keys(rest), FIELDS);
    assert.ok(hint === undefined || typeof hint === "string");
  }
  assert.doesNotMatch(String(said.diagnostics[0]?.["message"]), /y\.air\.json/);
});

for (const [words, ok, broken] of [[["check", "--watch"], /^ok {2}/gm, /air\/z\.air\.json:1:\d+: error json\.syntax/], [["check", "--watch", "--json"], /^\{"ok":true/gm, /^\{"ok":false.*"json\.syntax"/m]] as const) {
  test(`aos ${words.join(" ")}: a file breaks and is mended: told each time; Ctrl-C ends it with 0`, async (t) => {
    const folder = await temporaryFolder(t);
    await cp(COUNTER, folder, { recursive: true });
    assert.equal((await aos(["build"], { cwd: folder })).code, 0);
    const running = await startAos(t, words, { cwd: folder, ready: new RegExp(ok.source, "m") });
    const count = (): number => running.output().match(ok)?.length ?? 0;
    const oks = count();
    await writeFile(join(folder, "air/z.air.json"), '{"a" 1}');
    await eventually(async () => (broken.test(running.output()) ? true : undefined), "the error");
    await writeFile(join(folder, "air/z.air.json"), "");
    await eventually(async () => (count() > oks ? true : undefined), "ok again");
    const sync = await readFile(join(folder, "aos.sync.json"), "utf8");
    await writeFile(join(folder, "aos.sync.json"), "[]");
    await eventually(async () => (/aos\.sync\.json(?::1:1: error|",).*/.test(running.output()) ? true : undefined), "the error of the sync map");
    const before = count();
    await writeFile(join(folder, "aos.sync.json"), sync);
    await eventually(async () => (count() > before ? true : undefined), "ok at the end");
    assert.equal(await running.stop(), 0);
  });
}
