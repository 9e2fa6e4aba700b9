// Letters meet kills, answers grow old: what is taken is taken once, and what nobody reads any more goes.

import assert from "node:assert/strict";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { decodeRecord, hashBytes, jsonOf, openFileJournal } from "@agentos/kernel";
import { atEnd } from "../testing/at-end.ts";
import { IDENTITY, T0, temporaryFolder, testKey } from "../git/fixture.ts";
import { parseOid, type Oid } from "../git/objects.ts";
import { casRef, listRefs, readRef } from "../git/refs.ts";
import { initRepo, openRepo } from "../git/repo.ts";
import { appendSigned } from "../git/signed-ref.ts";
import { openStore } from "../git/store.ts";
import { push } from "../git/transport.ts";
import type { LogLine } from "../reconcile/log.ts";
import { stateFolderAt } from "../reconcile/state-folder.ts";
import { spawnController } from "../testing/child-controller.ts";
import { eventually } from "../testing/eventually.ts";
import { safeUpgradeRepo } from "../testing/world-repo.ts";
import { start, until } from "../testing/world-steps.ts";
import { createInbox, type InboxOptions } from "./inbox.ts";
import { ANSWER_KEPT_SECONDS, answerFiles, INBOX_PREFIX, OUTBOX_PREFIX, readAnswer, writeLetter } from "./letter.ts";

const idOf = (digit: string): string => digit.repeat(32);

test("inbox: kill -9 between taking a letter and answering it, and between answering it and removing it: each event once, each answered", { timeout: 120_000 }, async (t) => {
  const world = await safeUpgradeRepo();
  atEnd(t, () => world.remove());
  const path = `${world.folder}/world`;
  const { commonDir } = await openRepo(path);
  const store = openStore(commonDir);
  atEnd(t, () => store.close());

  const child = spawnController(world, path, undefined);
  atEnd(t, () => child.kill());
  await child.opened;
  await eventually(() => child.lines.some((line) => line.includes("the world begins")), "a control plane in force", { seen: () => child.lines });
  const letters: Oid[] = [];
  // Whoever holds a lock keeps refs where they are: of the first letter the answer's ref, then every ref that git would delete.
  const locks = [join(commonDir, `${OUTBOX_PREFIX}author/${idOf("a")}.lock`), join(commonDir, "packed-refs.lock")];
  for (const lock of locks) {
    await mkdir(dirname(lock), { recursive: true });
    await writeFile(lock, "");
  }
  for (const digit of ["a", "b"]) {
    const name = `author/${idOf(digit)}`;
    const value = jsonOf({ $tag: "NotifyComplete", $value: { primary_status: 200, follow_status: -1, request_count: 1 } });
    const written = await writeLetter(store, { world: world.trust, schema: "demo/SafeUpgradeEvent@1", value, key: undefined, blobs: [] }, { key: world.keys.author, principal: "author", timeSeconds: T0 + letters.length });
    await (await store.writePack(written.objects)).release();
    assert.equal(await casRef(commonDir, INBOX_PREFIX + name, null, written.commit), "updated");
    letters.push(written.commit);
  }
  const stuck = (digit: string): boolean => child.lines.some((line) => line.includes("a letter could not be answered") && line.includes(idOf(digit)));
  await eventually(() => stuck("a") && stuck("b"), "both letters taken, and neither done", { seen: () => child.lines });
  await child.kill();
  assert.equal(child.lines.filter((line) => line.includes("event from the inbox")).length, 2);
  assert.deepEqual([...(await listRefs(commonDir, OUTBOX_PREFIX)).keys()], [`${OUTBOX_PREFIX}author/${idOf("b")}`]);
  assert.equal((await listRefs(commonDir, INBOX_PREFIX)).size, 2);
  for (const lock of locks) await rm(lock);

  const log: LogLine[] = [];
  const controller = await start(world, path, { log });
  atEnd(t, () => controller.stop());
  await eventually(async () => (await listRefs(commonDir, INBOX_PREFIX)).size === 0, "both letters gone", { seen: () => log });
  await until(controller, ({ ready }) => ready.status === "True");
  await controller.stop();
  assert.equal(log.some(({ message }) => message === "event from the inbox"), false, "neither is taken again");
  const sent: string[] = [];
  const journal = await openFileJournal({ dir: stateFolderAt(await openRepo(path)).journal, mode: "read" });
  for await (const { records } of journal.read(0)) for (const record of records.map(decodeRecord)) if (record.kind === "event" && record.sender.startsWith("inbox:")) sent.push(`${record.sender} ${record.seq}`);
  await journal.close();
  const answered: string[] = [];
  for (const [index, digit] of ["a", "b"].entries()) {
    const answer = await readAnswer(store, (await readRef(commonDir, `${OUTBOX_PREFIX}author/${idOf(digit)}`)) ?? assert.fail());
    assert.equal(answer.letter, letters[index]);
    answered.push(answer.kind === "taken" ? `inbox:author/${answer.letter} ${answer.records[0]?.seq}` : answer.message);
  }
  assert.deepEqual(sent, answered);
  assert.equal(sent.length, 2);
});

for (const where of ["here", "on a remote"] as const) {
  test(`inbox: answers ${where}: those that are a week old go, at most once an hour; what fails is left for the next time`, { timeout: 120_000 }, async (t) => {
    const folder = await temporaryFolder(t);
    const [repo, remote] = [await initRepo(join(folder, "own"), { kind: "bare" }), await initRepo(join(folder, "remote"), { kind: "bare" })];
    const store = openStore(repo.commonDir);
    atEnd(t, () => store.close());
    const log: LogLine[] = [];
    let nowSeconds = T0;
    const unused = (): never => assert.fail("no letter is read");
    const options: InboxOptions = {
      repo, remote: where === "here" ? undefined : remote.commonDir, store, key: testKey(1), principal: "ctl", now: () => nowSeconds * 1000,
      host: { submit: unused, get world() { return unused(); } }, journal: { read: unused }, blobs: { put: unused },
      log: (level, message, fields = {}) => void log.push({ time: "", level, message, ...fields }),
    };
    const inbox = createInbox(options);
    const answer = async (digit: string, timeSeconds: number): Promise<void> => {
      const ref = `${OUTBOX_PREFIX}author/${idOf(digit)}`;
      const letter = parseOid(hashBytes(new TextEncoder().encode(digit)).slice(-40));
      await appendSigned({ store, ref, key: testKey(1), identity: IDENTITY, message: "x", timeSeconds, changes: { files: answerFiles({ kind: "refused", letter, code: "x", message: "x" }) } });
      if (where === "on a remote") await push(repo, remote.commonDir, [`${ref}:${ref}`]);
    };
    const left = async (): Promise<readonly string[]> => {
      const places = where === "here" ? [repo] : [repo, remote];
      const [first, ...more] = await Promise.all(places.map(async ({ commonDir }) => [...(await listRefs(commonDir, OUTBOX_PREFIX)).keys()].map((ref) => ref.slice(-1))));
      for (const other of more) assert.deepEqual(other, first);
      return first ?? [];
    };
    await answer("a", T0 - ANSWER_KEPT_SECONDS - 7_200);
    await answer("b", T0 - ANSWER_KEPT_SECONDS + 60);
    await answer("c", T0);
    await inbox.tidy();
    assert.deepEqual(await left(), ["b", "c"]);
    nowSeconds += 3_500;
    await inbox.tidy();
    assert.deepEqual(await left(), ["b", "c"], "not again within an hour");
    if (where === "on a remote") {
      await rename(remote.commonDir, `${remote.commonDir}-away`);
      nowSeconds += 3_600;
      await inbox.tidy();
      await rename(`${remote.commonDir}-away`, remote.commonDir);
      assert.match(String(log.at(-1)?.["code"]), /git\./);
      assert.deepEqual(await left(), ["b", "c"]);
      // Its reader has removed it there.
      await push(repo, remote.commonDir, [`:${OUTBOX_PREFIX}author/${idOf("c")}`]);
    }
    nowSeconds += 3_600;
    await inbox.tidy();
    assert.deepEqual(await left(), where === "here" ? ["c"] : []);
    nowSeconds += ANSWER_KEPT_SECONDS;
    await inbox.tidy();
    assert.deepEqual(await left(), []);
    assert.deepEqual(log.filter(({ level }) => level === "info").map((line) => line["count"]), where === "here" ? [1, 1, 1] : [1, 2]);
  });
}
