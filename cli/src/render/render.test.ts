// What commands print, from values: each renderer as a table of what is given and the lines it gives.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorldStatus } from "@agentos/controller";
import { parseHash } from "@agentos/kernel";
import { checkedLine, diagnosticLines } from "./diagnostics.ts";
import { keyLines } from "./key.ts";
import { madeLines } from "./init.ts";
import { logLine } from "./log-line.ts";
import { logLines } from "./log.ts";
import { markdownLines } from "./markdown.ts";
import { mergedLines, refusedLines } from "./merge.ts";
import { moduleLines } from "./modules.ts";
import { proposalLines, proposedLines } from "./proposal.ts";
import { reviewedLines } from "./review.ts";
import { restingLines, statusLines } from "./status.ts";
import { brief, columns, count, createStyle, PLAIN, short, shown } from "./style.ts";
import { problemText, verifyLines } from "./verify.ts";

const HASH = parseHash(`sha256:${"ab".repeat(32)}`);
const OID = "c".repeat(40);
const COLOUR = createStyle("colour");
const YES = { holds: true, text: "merges into main without conflicts" };
const NO = { holds: false, text: "0 of 1 approvals" };

const fine = { status: "False", reason: "", message: "" } as const;
const STATUS: WorldStatus = {
  world: HASH, principal: "controller", ready: { status: "True", reason: "Applied", message: "cccccccccccc is in force" }, reconciling: fine, stalled: fine,
  published: { status: "True", reason: "UpToDate", message: "sealed up to seq 3" }, observedRevision: OID, appliedRevision: OID, manifest: HASH, seq: 4, sealedSeq: 3,
  held: [], openIntents: [], plans: [], proposals: [],
};

const TABLE: readonly (readonly [name: string, given: readonly string[], lines: readonly string[]])[] = [
  ["columns: the widest cell of each counts, escapes do not", columns([["a", "b", "c"], [COLOUR.red("long"), "", "x"]]), ["a     b  c", "\u001b[31mlong\u001b[39m     x"]],
  ["shown: what is not seen is spelled out", [shown("a\u001b]0;x\u0007\n\t\u202e")], ["a\\u{1b}]0;x\\u{7}\\n\\t\\u{202e}"]],
  ["brief: cut by characters, not by halves of them", [brief("😀😀😀", 2), brief("ab", 2)], ["😀…", "ab"]],
  ["short: hashes and commits", [short(HASH), short(OID)], ["sha256:abababababab", "cccccccccccc"]],
  ["count: one and many", [count(1, "byte"), count(0, "byte"), count(2, "entry", "entries")], ["1 byte", "0 bytes", "2 entries"]],
  [
    "diagnostics: place, severity, code, sentence, hint",
    diagnosticLines([
      { severity: "error", code: "air.name", file: "air/a.json", pointer: "/name", line: 3, column: 7, message: "not a name", hint: "such as demo/A@1" },
      { severity: "warning", code: "def.unused", file: "air/b.json", pointer: "", line: 1, column: 1, message: "not used" },
    ], { style: PLAIN, from: "../world" }),
    ["../world/air/a.json:3:7: error air.name: not a name", "  hint: such as demo/A@1", "../world/air/b.json:1:1: warning def.unused: not used"],
  ],
  ["diagnostics: nothing wrong", [checkedLine({ definitions: 6, scenarios: 1, warnings: 0, manifest: HASH }, PLAIN)], ["ok  6 definitions, 1 scenario, no warnings, manifest sha256:abababababab"]],
  [
    "modules: what became of each",
    moduleLines([{ name: "demo/A@1", hash: HASH, bytes: 441, path: "modules/demo/A@1.js.cbor", outcome: "built" }, { name: "demo/Bb@1", hash: HASH, bytes: 9, path: "m", outcome: "stale" }], PLAIN),
    ["built  demo/A@1   sha256:abababababab  441 bytes  modules/demo/A@1.js.cbor", "stale  demo/Bb@1  sha256:abababababab  9 bytes    m"],
  ],
  ["modules: none", moduleLines([], PLAIN), ["no modules to build: aos.sync.json names no sources"]],
  ["key: public parts", keyLines("/k", new Uint8Array(32).fill(7), "ssh-ed25519 AAAA ada", PLAIN).slice(0, 2), ["key          /k", "public       ssh-ed25519 AAAA ada"]],
  [
    "init: what was made and what comes next",
    madeLines({
      name: "w", folder: "w", trust: HASH, commit: OID, files: 3, template: "empty", modules: [], keys: { author: "/a", controller: "/c" },
      principals: [{ name: "ada", kind: "person", fingerprint: "SHA256:x" }, { name: "controller", kind: "controller", fingerprint: "SHA256:y" }],
    }, PLAIN),
    [
      "made the world w in w", "  commit      cccccccccccc  3 files, signed by ada", `  trust       ${HASH}`, "  person      ada  SHA256:x", "  controller  controller  SHA256:y", "  keys        /a", "              /c", "",
      "The trust hash is this world's id: whoever verifies a clone needs it, and nothing else.", "Next:", "  cd w", "  aos run          # in one terminal", "  aos check        # after your first change",
    ],
  ],
  [
    "log line: fields in order, ids short, level where it matters",
    [
      logLine({ time: "2026-01-02T03:04:05.678Z", level: "info", message: "applied", commit: OID, seq: 4, gone: undefined }, PLAIN),
      logLine({ time: "2026-01-02T03:04:05.678Z", level: "warn", message: "push failed", problem: "away\n" }, PLAIN),
      logLine({ time: "2026-01-02T03:04:05.678Z", level: "error", message: "held" }, PLAIN),
    ],
    ["03:04:05 applied  commit cccccccccccc  seq 4", "03:04:05 warning push failed  problem away\\n", "03:04:05 error held"],
  ],
  [
    "log: entries with a blank line between them",
    logLines([{ kind: "seal", commit: OID, time: 1_700_000_000, by: "controller", subject: "seal 1: seq 2-3", body: ["2 receipt ok"] }, { kind: "main", commit: OID, time: 0, by: "ada", subject: "Begin", body: [] }], PLAIN),
    ["seal cccccccccccc 2023-11-14 22:13:20Z, controller", "    seal 1: seq 2-3", "      2 receipt ok", "", "main cccccccccccc 1970-01-01 00:00:00Z, ada", "    Begin"],
  ],
  [
    "proposals: what each still lacks",
    proposalLines([
      { slug: "a", head: OID, state: "open", title: "Do a", authors: ["ada"], verdict: "refused", reasons: [YES, NO] },
      { slug: "b", head: OID, state: "open", title: "Do b", authors: [], verdict: "approved", reasons: [YES] },
      { slug: "c", head: OID, state: "merged", title: "", authors: [], verdict: undefined, reasons: [] },
    ], PLAIN),
    ["a  cccccccccccc  waits", "    Do a (ada)", "    needs  0 of 1 approvals", "b  cccccccccccc  approved", "    Do b", "c  cccccccccccc  merged"],
  ],
  [
    "proposed: where it went", proposedLines({ slug: "a", head: OID, commits: 2, title: "Do a", outcome: "replaced", remote: "origin" }, PLAIN).slice(0, 2),
    ["replaced the proposal  a at cccccccccccc on origin: 2 commits, Do a", "Next:"],
  ],
  [
    "review: bound to what, and where the proposal stands",
    reviewedLines({ slug: "a", head: OID, verdict: "request-changes", cid: HASH, by: "bob", ref: "refs/notes/aos-reviews-bob", decision: { verdict: "refused", reasons: [YES, NO] } }, PLAIN),
    ["asked for changes  a at cccccccccccc, as bob", `  bound to  ${HASH}`, "  note      refs/notes/aos-reviews-bob", "the proposal is not approved yet:", "  yes  merges into main without conflicts", "  no   0 of 1 approvals"],
  ],
  [
    "review: approved", reviewedLines({ slug: "a", head: OID, verdict: "approve", cid: HASH, by: "bob", ref: "r", decision: { verdict: "approved", reasons: [YES] } }, PLAIN).slice(3),
    ["the proposal is approved:", "  yes  merges into main without conflicts", "Next:", "  aos merge a"],
  ],
  ["merge: refused, every reason", refusedLines({ slug: "a", head: OID, reasons: [YES, NO] }, PLAIN), ["refused  a at cccccccccccc may not be merged:", "  yes  merges into main without conflicts", "  no   0 of 1 approvals"]],
  [
    "merge: made", mergedLines({ slug: "a", head: OID, commit: OID, reasons: [YES], remote: "origin", by: "bob" }, PLAIN),
    ["merged  a at cccccccccccc into main, as bob: cccccccccccc", "  yes  merges into main without conflicts", "The controller applies it at the next turn boundary. Next:", "  git pull --ff-only origin main", "  aos status"],
  ],
  [
    "status: all is well", statusLines(STATUS, PLAIN),
    [
      `world        ${HASH}, run by controller`, "ready        True  Applied: cccccccccccc is in force", "reconciling  False", "stalled      False", "published    True  UpToDate: sealed up to seq 3",
      "main         cccccccccccc, in force", `manifest     ${HASH}`, "journal      4 records, sealed up to seq 3",
    ],
  ],
  [
    "status: what waits, and on whom",
    statusLines({
      ...STATUS, appliedRevision: "d".repeat(40), held: [{ commit: OID, reason: "not approved" }], openIntents: [{ seq: 9, effect: "http.request", by: "demo/p@1" }],
      plans: [{ id: 2, plan: "demo/p@1", waitsFor: ["answer: the receipt of fetch"], sinceSeq: 9 }], proposals: [{ slug: "a", head: OID, shadow: "failed", why: "air.invalid" }],
    }, PLAIN).slice(5),
    [
      "main         cccccccccccc, in force is dddddddddddd", `manifest     ${HASH}`, "journal      4 records, sealed up to seq 3", "held         cccccccccccc  not approved", "effect       #9 http.request of demo/p@1 has no receipt yet",
      "plan         demo/p@1 #2 since seq 9 waits for answer: the receipt of fetch", "proposal     a cccccccccccc  shadow failed: air.invalid",
    ],
  ],
  ["status: a world that never ran", restingLines({ main: OID, published: undefined, journal: undefined }, PLAIN), ["ready      False  NotRunning: start it with `aos run`", "main       cccccccccccc", "published  nothing", "journal    none: the world has not begun"]],
  [
    "status: a world at rest",
    restingLines({ main: OID, published: { seal: OID, lastSeq: 3 }, journal: { from: "local", world: HASH, seq: 4, stateRoot: HASH, applied: OID, manifest: undefined, openIntents: 1, plans: 1 } }, PLAIN),
    [
      `world       ${HASH}`, "ready       False  NotRunning: start it with `aos run`", "main        cccccccccccc", "published   up to seq 3, seal cccccccccccc", "in force    cccccccccccc", "journal     4 records (local), replayed alike", `state root  ${HASH}`,
      "waiting     1 effect without receipt, 1 plan",
    ],
  ],
  [
    "verify: it holds", verifyLines({ ok: true, checked: { seals: 2, records: 3, receipts: 1, decisions: 1, reviews: 0 }, replayed: { stateRoot: HASH, seq: 3 }, pending: [OID], problems: [] }, PLAIN),
    ["verified  looked at 2 seals, 3 records, 1 receipt, 1 decision, 0 reviews", `replayed 3 records alike, state root ${HASH}`, "not in force yet: cccccccccccc"],
  ],
  [
    "verify: it does not hold, the first ten failures",
    verifyLines({ ok: false, checked: { seals: 0, records: 0, receipts: 0, decisions: 0, reviews: 0 }, pending: [], problems: Array.from({ length: 12 }, (_, seq) => ({ seq, commit: OID, file: "journal/d00", code: "x.y", message: "other bytes" })) }, PLAIN).slice(9),
    ["fails seq 9, commit cccccccccccc, journal/d00: other bytes (x.y)", "and 2 more", "not verified  looked at 0 seals, 0 records, 0 receipts, 0 decisions, 0 reviews"],
  ],
  ["verify: a problem without a place", [problemText({ code: "x", message: "nothing" })], ["nothing"]],
  ["markdown: in a file as it is", markdownLines("# A\n\n| a |\n| - |\n", { style: COLOUR, for: "file" }), ["# A", "", "| a |", "| - |"]],
  [
    "markdown: at a terminal: headings, tables, differences, entities, small print",
    markdownLines("## Run: 1 `x`\n\n|  | kind | name |\n| --- | --- | --- |\n| added | plan | `demo/p@1` |\n\n```diff\n  same\n- old\n+ new\n```\n- item &#36;.a&#8203;b &#27;\n<sub>one<br>two</sub>", { style: PLAIN, for: "terminal" }),
    ["Run: 1 x", "", "       kind  name", "added  plan  demo/p@1", "", "    same", "  - old", "  + new", "- item $.ab \\u{1b}", "one", "two"],
  ],
];

test("render: every row", () => {
  let rows = 0;
  for (const [name, given, lines] of TABLE) {
    assert.deepEqual(given, lines, name);
    rows++;
  }
  assert.ok(rows > 25);
});

test("render: no style, no escapes: colour only where it is asked for", () => {
  assert.doesNotMatch(statusLines(STATUS, PLAIN).join("\n"), /\u001b/);
  assert.match(statusLines(STATUS, COLOUR).join("\n"), /\u001b\[32mTrue\u001b\[39m/);
});
