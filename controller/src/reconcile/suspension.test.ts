// Suspended worlds: merges wait and everything else goes on, until somebody, or the time that was said, ends it.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { atEnd } from "../testing/at-end.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { approve, logged, merge, start, until } from "../testing/world-steps.ts";
import type { LogLine } from "./log.ts";
import { endSuspension, readSuspension, suspensionText, writeSuspension, type Suspension } from "./suspension.ts";

const SINCE = "2026-01-02T03:04:05.000Z";
const UNTIL = "2026-01-03T00:00:00.000Z";

test("suspension: written, read, over, ended: what is in force at a time", async (t) => {
  const path = await mkdtemp(join(tmpdir(), "aos-suspension-"));
  atEnd(t, () => rm(path, { recursive: true }));
  const at = Date.parse(SINCE);
  assert.equal(await readSuspension({ path }, at), undefined);
  const rows: readonly (readonly [Suspension, string])[] = [
    [{ by: "ada", since: SINCE }, `by ada since ${SINCE}`],
    [{ by: "ada", since: SINCE, until: UNTIL, reason: "incident" }, `by ada since ${SINCE}, until ${UNTIL}: incident`],
  ];
  for (const [suspension, text] of rows) {
    await writeSuspension({ path }, suspension);
    const read = await readSuspension({ path }, at);
    assert.deepEqual([read, suspensionText(suspension)], [suspension, text]);
    assert.equal((await stat(join(path, "suspended.json"))).mode & 0o777, 0o600);
  }
  assert.equal(rows.length, 2);
  assert.equal((await readSuspension({ path }, Date.parse(UNTIL) - 1))?.by, "ada");
  assert.equal(await readSuspension({ path }, Date.parse(UNTIL)), undefined, "it is over");
  assert.deepEqual(await readdir(path), ["suspended.json"], "no draft is left");
  await endSuspension({ path });
  await endSuspension({ path });
  assert.deepEqual([await readSuspension({ path }, at), await readdir(path)], [undefined, []]);
});

test("suspension: something there that cannot be read: counts, and says what to do", async (t) => {
  const path = await mkdtemp(join(tmpdir(), "aos-suspension-"));
  atEnd(t, () => rm(path, { recursive: true }));
  const texts = ["", "{", "null", "[]", '{"by":1,"since":"2026-01-02"}', '{"by":"a","since":"soon"}', '{"by":"a","since":"2026-01-02","until":3}', '{"by":"a","since":"2026-01-02","reason":{}}'];
  for (const text of texts) {
    await writeFile(join(path, "suspended.json"), text);
    assert.match((await readSuspension({ path }, 0))?.reason ?? "", /suspended\.json cannot be read, and `aos resume` removes it$/, text);
  }
  assert.equal(texts.length, 8);
  await rm(join(path, "suspended.json"));
  await mkdir(join(path, "suspended.json", "more"), { recursive: true });
  assert.match((await readSuspension({ path }, 0))?.reason ?? "", /cannot be read/);
  await endSuspension({ path });
  assert.deepEqual(await readdir(path), []);
});

test("controller: suspended: a merge waits and is in force once it is resumed; a time that was said ends it too", async (t) => {
  const world = await safeUpgradeRepo();
  atEnd(t, () => world.remove());
  const folder = { path: `${world.folder}/world/.git/aos` };
  const log: LogLine[] = [];
  const controller = await start(world, undefined, { log });
  atEnd(t, () => controller.stop());
  const { appliedRevision: base } = await until(controller, ({ ready }) => ready.status === "True");

  const suspension: Suspension = { by: "ada", since: new Date().toISOString(), reason: "incident" };
  await writeSuspension(folder, suspension);
  await until(controller, ({ suspended }) => suspended?.by === "ada");
  const head = await world.proposeUpgrade("follow-up");
  await until(controller, ({ proposals }) => proposals.find((one) => one.head === head)?.shadow === "done");
  await approve(world, "follow-up", head);
  const commit = await merge(world, "follow-up", head);
  const waiting = await until(controller, ({ reconciling }) => reconciling.reason === "Suspended");
  assert.equal(waiting.reconciling.message, `${commit.slice(0, 12)} waits: suspended ${suspensionText(suspension)}`);
  assert.deepEqual([waiting.appliedRevision, waiting.ready.status, waiting.stalled.status, waiting.held], [base, "True", "False", []]);

  // In place at once: what is looked at between a file's emptying and its writing is another one, and told as such.
  await writeFile(join(folder.path, "draft"), "broken");
  await rename(join(folder.path, "draft"), join(folder.path, "suspended.json"));
  const unreadable = await until(controller, ({ reconciling }) => /cannot be read/.test(reconciling.message));
  assert.deepEqual([unreadable.reconciling.reason, unreadable.appliedRevision], ["Suspended", base], "nobody can say that it is over");

  await writeSuspension(folder, { ...suspension, until: new Date(Date.now() + 1_500).toISOString() });
  await until(controller, ({ suspended }) => suspended?.until !== undefined);
  const resumed = await until(controller, ({ appliedRevision }) => appliedRevision === commit);
  assert.equal("suspended" in resumed, false);
  await logged(log, ({ message }) => message === "resumed");
  assert.equal(log.filter(({ message }) => message === "suspended: no merge is applied").length, 3);
});
