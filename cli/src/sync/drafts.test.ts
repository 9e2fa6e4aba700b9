import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../testing/aos.ts";
import { DRAFT_PREFIX, draftIn, sweepDrafts } from "./drafts.ts";

test("drafts: of a writer that is gone: swept; of one that lives, here or elsewhere: left alone", async (t) => {
  const folder = await temporaryFolder(t);
  const { pid: gone } = spawnSync(process.execPath, ["--version"]);
  const old = new Date(Date.now() - 2 * 3_600_000);
  const rows: readonly (readonly [name: string, modified: Date | undefined, left: boolean])[] = [
    [`${DRAFT_PREFIX}${hostname()}-${gone}-0`, undefined, false], [`${DRAFT_PREFIX}${hostname()}-${process.ppid}-0`, old, true], [basename(draftIn(folder)), undefined, false],
    [`${DRAFT_PREFIX}elsewhere-${gone}-0`, undefined, true], [`${DRAFT_PREFIX}else-where-${gone}-0`, old, false], [`${DRAFT_PREFIX}word`, undefined, true], ["file", old, true],
  ];
  for (const [name, modified] of rows) {
    writeFileSync(join(folder, name), "half");
    if (modified !== undefined) utimesSync(join(folder, name), modified, modified);
  }
  sweepDrafts(folder);
  for (const [name, , left] of rows) assert.equal(existsSync(join(folder, name)), left, name);
  assert.deepEqual([rows.length, readdirSync(folder).length], [7, 4]);
  sweepDrafts(join(folder, "not-there"));
  assert.notEqual(draftIn(folder), draftIn(folder));
});
