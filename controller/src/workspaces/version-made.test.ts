import assert from "node:assert/strict";
import { test } from "node:test";
import { versionMade } from "./access.ts";

test("version made: by the records of a commit's turn: table", () => {
  const version = { workspace: "notes", expectedHead: 4 };
  assert.equal(versionMade([{ kind: "event" }, { kind: "stepped", reducer: "sys/Workspace@1" }], version), 5);
  const rows = [
    [[{ kind: "event" }], "workspace.unrouted"],
    [[{ kind: "event" }, { kind: "stepped", reducer: "demo/Other@1" }], "workspace.unrouted"],
    [[{ kind: "rejected", code: "schema.missing", message: "no such schema" }], "schema.missing"],
    [[{ kind: "event" }, { kind: "step_failed", reducer: "sys/Workspace@1", code: "workspace.head_moved", message: "moved" }], "workspace.head_moved"],
  ] as const;
  for (const [records, code] of rows) assert.throws(() => versionMade(records, version), { code, class: "refused" }, code);
  assert.equal(rows.length, 4);
});
