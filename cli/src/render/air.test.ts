// What the commands about AIR print, as tables: values in, lines out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ZERO_HASH, type ControlDiff, type Hash } from "@agentos/kernel";
import { diffLines } from "./air-diff.ts";
import { patchLines } from "./air-patch.ts";
import { defLines, definitionLines, hashLines, ruleLines, typesLine } from "./air.ts";
import { fileDiffLines } from "./file-diff.ts";
import { PLAIN } from "./style.ts";

const NEXT = `sha256:${"a".repeat(64)}` as Hash;
const NO_DIFF: ControlDiff = { baseManifest: NEXT, nextManifest: NEXT, definitions: [], sections: [], authority: [] };
const OTHER: ControlDiff = { ...NO_DIFF, baseManifest: ZERO_HASH };
const ROW = { hash: NEXT, kind: "defschema", name: "demo/A@1" };
const numbers = (from: number, to: number): string => Array.from({ length: to - from + 1 }, (_, at) => `${from + at}\n`).join("");

const TABLE: readonly (readonly [name: string, given: readonly string[], lines: readonly string[]])[] = [
  ["hash: exactly `<hash> <kind> <name>`", hashLines([ROW]), [`${NEXT} defschema demo/A@1`]],
  ["defs ls: none", defLines([], PLAIN), ["no such definitions"]],
  ["defs ls: builtin", defLines([{ ...ROW, builtin: true }], PLAIN), ["defschema  demo/A@1  sha256:aaaaaaaaaaaa  builtin"]],
  ["defs get: what a terminal would obey is an escape", definitionLines([{ ...ROW, builtin: false, file: "air/a.json", line: 3, node: {}, text: "{\u001b}\n" }]), [`// ${NEXT} defschema demo/A@1, air/a.json:3`, "{\\u{1b}}"]],
  ["explain", ruleLines([{ code: "a.b", text: "One." }, { code: "a.long", text: "Two." }], PLAIN), ["a.b     One.", "a.long  Two."]],
  ["types", [typesLine("a.ts", "stale", PLAIN)], ["stale  a.ts"]],
  ["diff: none", diffLines(NO_DIFF, PLAIN), [`no difference: manifest ${NEXT}`]],
  ["diff: another order", diffLines(OTHER, PLAIN), ["manifest sha256:000000000000 → sha256:aaaaaaaaaaaa", "the same definitions and sections, listed in another order"]],
  ["diff: from nothing", diffLines({ ...OTHER, baseManifest: null }, PLAIN).slice(0, 1), ["manifest (none) → sha256:aaaaaaaaaaaa"]],
  [
    "diff: widening comes first, long details are counted",
    diffLines({
      ...OTHER,
      authority: [{ effect: "neutral", subject: "grant `a`", text: "same" }, { effect: "narrowing", subject: "grant `b`", text: "less" }, { effect: "widening", subject: "grant `c`", text: "more" }],
      definitions: [{ kind: "defplan", name: "demo/p@1", change: "changed", details: Array.from({ length: 10 }, (_, at) => `d${at}`) }],
      sections: [{ section: "triggers", details: ["trigger added: x"] }],
    }, PLAIN).slice(1),
    [
      "", "What it may do", "  wider       grant `c`: more", "  narrower    grant `b`: less", "  same reach  grant `a`: same",
      "", "Definitions", "  changed  plan  demo/p@1  d0; d1; d2; d3; d4; d5; d6; d7; and 2 more differences", "", "Manifest", "  triggers  trigger added: x",
    ],
  ],
  [
    "patch: an operation a line",
    patchLines({
      version: "1", base_manifest_hash: NEXT,
      patches: [
        { op: "remove_def", kind: "defplan", name: "demo/p@1", pre_hash: ZERO_HASH }, { op: "set_manifest_refs", remove: [{ kind: "defcap", name: "sys/x@1" }], add: [{ kind: "defcap", name: "sys/y@1", hash: ZERO_HASH }] },
        { op: "set_defaults", policy: null, cap_grants: [] }, { op: "set_triggers", pre_hash: NEXT, triggers: [] }, { op: "set_migrations", pre_hash: NEXT, migrations: [{ reducer: "a/R@1", module: "a/M@1" }] }, { op: "set_routing_inboxes", pre_hash: NEXT, inboxes: [{ source: "a", reducer: "b" }, { source: "c", reducer: "d" }] },
        { op: "remove_section", section: "routing", pre_hash: NEXT },
      ],
    }, PLAIN),
    [
      `for manifest ${NEXT}`, "  remove_def           defplan demo/p@1, which was sha256:000000000000", "  set_manifest_refs    unlists defcap sys/x@1; lists defcap sys/y@1", "  set_defaults         no policy, no grants",
      "  set_triggers         no triggers", "  set_migrations       1 migration: a/R@1 by a/M@1", "  set_routing_inboxes  2 inboxes: a to b, c to d", "  remove_section       routing",
    ],
  ],
  ["files: a new one", fileDiffLines([{ path: "a", before: undefined, after: "x\n" }], PLAIN), ["--- /dev/null", "+++ b/a", "@@ -0,0 +1 @@", "+x"]],
  ["files: one that goes", fileDiffLines([{ path: "a", before: "x\n", after: undefined }], PLAIN), ["--- a/a", "+++ /dev/null", "@@ -1 +0,0 @@", "-x"]],
  [
    "files: three lines around each change, a hunk for each place",
    fileDiffLines([{ path: "a", before: numbers(1, 20), after: `0\n${numbers(1, 15)}${numbers(17, 20)}` }], PLAIN).slice(2),
    ["@@ -1,3 +1,4 @@", "+0", " 1", " 2", " 3", "@@ -13,7 +14,6 @@", " 13", " 14", " 15", "-16", " 17", " 18", " 19"],
  ],
];

test("render: AIR: every row", () => {
  let rows = 0;
  for (const [name, given, lines] of TABLE) {
    assert.deepEqual(given, lines, name);
    rows++;
  }
  assert.ok(rows > 12);
});
