// What commands print, from values: each renderer as a table of what is given and the lines it gives.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorldStatus } from "@agentos/controller";
import { parseHash } from "@agentos/kernel";
import { span } from "./ago.ts";
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
import { approvalLines, decidedLines, effectLines, planDetailLines, planLines } from "./waits.ts";

const HASH = parseHash(`sha256:${"ab".repeat(32)}`);
const OID = "c".repeat(40);
const COLOUR = createStyle("colour");
const YES = { holds: true, text: "merges into main without conflicts" };
const NO = { holds: false, text: "0 of 1 approvals" };

const fine = { status: "False", reason: "", message: "" } as const;
const STATUS: WorldStatus = {
  world: HASH, principal: "controller", ready: { status: "True", reason: "Applied", message: "cccccccccccc is in force" }, reconciling: fine, stalled: fine,
  published: { status: "True", reason: "UpToDate", message: "sealed up to seq 3" }, observedRevision: OID, appliedRevision: OID, manifest: HASH, seq: 4, sealedSeq: 3,
  held: [], openIntents: [], approvals: [], planCount: 0, plans: [], proposals: [],
};
const NOW = { style: PLAIN, nowMs: Date.parse("2026-01-02T03:04:05Z") };
const EFFECT = { intent: HASH, effect: "http.request", cap: "web", by: "demo/p@1", instance: 2, step: "get" };
const HELD = { seq: 8, ...EFFECT, params: { url: "https://h/\u001b" }, policy: "demo/rules@1", rule: 1, since: "2026-01-02T03:03:00.000Z", expires: "2026-01-02T05:04:05.000Z" };
const PLAN = {
  id: 2, plan: "demo/p@1", startedSeq: 6, started: "2026-01-01T03:04:05.000Z", deadline: "2026-01-02T03:04:50.000Z",
  waits: [
    { step: "answer", kind: "receipt", what: "http.request under web", seq: 9, sinceSeq: 10, since: "2026-01-02T03:01:00.000Z" },
    { step: "word", kind: "approval", what: "http.request under web", seq: 8, sinceSeq: 10 },
    { step: "go", kind: "event", what: "demo/Go@1", sinceSeq: 10, since: "2026-01-02T03:04:05.000Z" },
  ],
} as const;

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
      logLine({ time: "2026-01-02T03:04:05.678Z", level: "debug", message: "turn" }, PLAIN),
    ],
    ["03:04:05 applied  commit cccccccccccc  seq 4", "03:04:05 warning push failed  problem away\\n", "03:04:05 error held", "03:04:05 debug turn"],
  ],
  [
    "log: entries with a blank line between them",
    logLines([{ kind: "seal", commit: OID, time: 1_700_000_000, by: "controller", subject: "seal 1: seq 2-3", body: ["2 receipt ok"] }, { kind: "main", commit: OID, time: 0, by: "ada", subject: "Begin", body: [] }], PLAIN),
    ["seal cccccccccccc 2023-11-14 22:13:20Z, controller", "    seal 1: seq 2-3", "      2 receipt ok", "", "main cccccccccccc 1970-01-01 00:00:00Z, ada", "    Begin"],
  ],
  [
    "proposals: what each still lacks",
    proposalLines([
      { slug: "a", head: OID, state: "open", title: "Do a", body: "Why.\n\nHow.", authors: ["ada"], verdict: "refused", reasons: [YES, NO], notes: [] },
      { slug: "b", head: OID, state: "open", title: "Do b", body: "", authors: [], verdict: "approved", reasons: [YES], notes: ["the approval of bob is kept"] },
      { slug: "c", head: OID, state: "merged", title: "", body: "", authors: [], verdict: undefined, reasons: [], notes: [] },
    ], PLAIN),
    ["a  cccccccccccc  waits", "    Do a (ada)", "      Why.", "", "      How.", "    needs  0 of 1 approvals", "b  cccccccccccc  approved", "    Do b", "    note   the approval of bob is kept", "c  cccccccccccc  merged"],
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
    ["merged  a at cccccccccccc into main, as bob: cccccccccccc", "  yes  merges into main without conflicts", "The controller applies it at the next turn boundary. Next:", "  git pull --ff-only origin main", "  git fetch origin 'refs/notes/*:refs/notes/*'", "  aos status"],
  ],
  [
    "status: all is well", statusLines(STATUS, NOW),
    [
      `world        ${HASH}, run by controller`, "ready        True  Applied: cccccccccccc is in force", "reconciling  False", "stalled      False", "published    True  UpToDate: sealed up to seq 3",
      "main         cccccccccccc, in force", `manifest     ${HASH}`, "journal      4 records, sealed up to seq 3",
    ],
  ],
  [
    "status: what waits, and on whom",
    statusLines({
      ...STATUS, appliedRevision: "d".repeat(40), held: [{ commit: OID, reason: "not approved" }], openIntents: [{ seq: 9, ...EFFECT, since: "2026-01-02T03:01:00.000Z" }],
      approvals: [HELD], planCount: 3, plans: [PLAN], proposals: [{ slug: "a", head: OID, shadow: "failed", why: "air.invalid" }, { slug: "b", head: OID, shadow: "done", ci: ["runner lies\u0007"] }],
    }, NOW).slice(5),
    [
      "main         cccccccccccc, in force is dddddddddddd", `manifest     ${HASH}`, "journal      4 records, sealed up to seq 3", "held         cccccccccccc  not approved", "effect       #9 http.request of demo/p@1 has no receipt yet, for 3 min",
      "approval     #8 http.request of demo/p@1 #2 at get waits for a person, for 1 min",
      "plan         demo/p@1 #2 waits at answer: the receipt of http.request under web #9, for 3 min (since seq 10)",
      "               and at word: a person's word on http.request under web #8 (since seq 10)", "               and at go: an event demo/Go@1, for 0 s (since seq 10)",
      "plan         and 2 more plans: aos plan ls", "proposal     a cccccccccccc  shadow failed: air.invalid", "proposal     b cccccccccccc  shadow done", "CI           b: runner lies\\u{7}",
    ],
  ],
  [
    "status: trouble with GitHub: what, since when, until when",
    statusLines({
      ...STATUS,
      github: {
        place: "demo/world", trouble: { what: "posting", code: "github.limited", message: "GitHub: POST /check-runs: asked to wait 60 s", sinceMs: Date.parse("2026-01-02T03:01:00.000Z") },
        quietUntilMs: Date.parse("2026-01-02T03:05:00.000Z"), rate: { limit: 5000, remaining: 12, resetMs: Date.parse("2026-01-02T03:34:00.000Z") },
      },
    }, NOW).slice(5, 6),
    ["github       False  github.limited: demo/world; posting: GitHub: POST /check-runs: asked to wait 60 s, for 3 min; asked again in 55 s; 12 of 5000 requests left for 29 min"],
  ],
  [
    "status: GitHub as it should be",
    statusLines({ ...STATUS, github: { place: "demo/world", trouble: undefined, quietUntilMs: undefined, rate: { limit: 5000, remaining: 4999, resetMs: 0 } } }, NOW).slice(5, 6),
    ["github       True  Reached: demo/world"],
  ],
  ["status: where main is, of a world at rest", ([0, 1, 2, "behind", "apart"] as const).map((ahead) => restingLines({ main: OID, ahead, published: undefined, journal: undefined }, PLAIN)[1] ?? ""), [
    "main       cccccccccccc, in force", "main       cccccccccccc, 1 commit ahead of what is in force: the controller applies it, or says what holds it",
    "main       cccccccccccc, 2 commits ahead of what is in force: the controller applies them, or says what holds them", "main       cccccccccccc, older than what is in force", "main       cccccccccccc, which does not go on from what is in force",
  ]],
  ["status: a world that never ran", restingLines({ main: OID, published: undefined, journal: undefined }, PLAIN), ["ready      False  NotRunning: start it with `aos run`", "main       cccccccccccc", "published  nothing", "journal    none: the world has not begun"]],
  [
    "status: a world at rest",
    restingLines({ main: OID, published: { seal: OID, lastSeq: 3 }, journal: { from: "local", world: HASH, seq: 4, stateRoot: HASH, applied: OID, manifest: undefined, openIntents: 1, plans: 1, approvals: 1 } }, PLAIN),
    [
      `world       ${HASH}`, "ready       False  NotRunning: start it with `aos run`", "main        cccccccccccc", "published   up to seq 3, seal cccccccccccc", "in force    cccccccccccc", "journal     4 records (local), replayed alike", `state root  ${HASH}`,
      "waiting     1 effect without receipt, 1 plan, 1 effect for a person: aos plan ls",
    ],
  ],
  [
    "status: a clone of a world that runs elsewhere",
    restingLines({ main: OID, published: { seal: OID, lastSeq: 3 }, journal: { from: "published", world: HASH, seq: 4, stateRoot: HASH, applied: OID, manifest: undefined, openIntents: 0, plans: 0, approvals: 0 } }, PLAIN).slice(1, 2),
    ["ready       False  NotRunning: it does not run here; what was published is as of the last `git fetch origin 'refs/notes/*:refs/notes/*'`"],
  ],
  ["plans: none", planLines([], NOW), ["no plan runs"]],
  [
    "plans: a row for each thing that is waited for", planLines([PLAN, { id: 12, plan: "demo/q@1", startedSeq: 7, waits: [] }], NOW),
    [
      "#2   demo/p@1  running 1 d, ends in 45 s  waits at answer: the receipt of http.request under web #9, for 3 min (since seq 10)", "                                          and at word: a person's word on http.request under web #8 (since seq 10)",
      "                                          and at go: an event demo/Go@1, for 0 s (since seq 10)", "#12  demo/q@1  running                    waits for nothing",
    ],
  ],
  [
    "plan: its steps and variables",
    planDetailLines({ ...PLAN, deadline: "2026-01-02T03:04:05.000Z", manifest: HASH, input: { url: "u" }, vars: { fetch: "fetch" }, steps: [{ step: "get", op: "emit_effect", state: "done" }, { step: "answer", op: "await_receipt", state: "waiting" }, { step: "end", op: "end", state: "pending" }] }, NOW),
    [
      "plan      demo/p@1 #2", "started   2026-01-01T03:04:05.000Z, 1 d ago, at seq 6", "deadline  2026-01-02T03:04:05.000Z, ends now", 'input     {"url":"u"}', "steps",
      "  get     emit_effect    done", "  answer  await_receipt  waiting  the receipt of http.request under web #9, for 3 min (since seq 10)", "  end     end            pending", "vars", '  fetch  "fetch"',
    ],
  ],
  ["effects: none, and what each is for", [...effectLines([], NOW), ...effectLines([{ seq: 9, ...EFFECT, since: "2026-01-02T00:04:05.000Z" }], NOW)], ["no effect waits for its receipt", "#9  http.request under web  of demo/p@1 #2 at get  no receipt yet, for 3 h"]],
  ["effects: where the call stands", (["queued", "running", "waiting", "answered"] as const).flatMap((state) => effectLines([{ seq: 9, ...EFFECT, adapter: "http", state }], NOW)).map((line) => line.slice(51)), ["waits its turn (http)", "runs (http)", "waits for its time (http)", "answered, its receipt is on its way (http)"]],
  [
    "approvals: what a person needs to decide", [...approvalLines([], NOW), ...approvalLines([HELD], NOW)],
    [
      "nothing waits for a person", "#8  http.request under web, of demo/p@1 #2 at get", '    params  {"url":"https://h/\\u001b"}', "    rule    1 of demo/rules@1", "    waits   1 min, since 2026-01-02T03:03:00.000Z; denied by itself in 2 h",
      "Next:", "  aos approvals grant 8   or   aos approvals deny 8 --reason WHY",
    ],
  ],
  ["span: hours and days with one unit more", ["2026-01-02T03:04:05Z", "2026-01-02T03:05:04Z", "2026-01-02T04:03:05Z", "2026-01-02T01:05:06Z", "2026-01-02T01:04:05Z", "2025-12-31T00:03:00Z", "", "x"].map((time) => span(time, NOW.nowMs)), ["0 s", "59 s", "59 min", "1 h 58 min", "2 h", "2 d 3 h", "", ""]],
  ["approvals: without end", approvalLines([{ seq: 8, ...EFFECT, params: null, policy: "p", rule: 0 }], NOW).slice(3, 4), ["    waits   for as long as it takes"]],
  ["decided: which way", decidedLines({ seq: 8, effect: "http.request", decision: "deny", by: "ada" }, PLAIN), ["denied  #8 http.request, as ada"]],
  [
    "verify: it holds", verifyLines({ ok: true, checked: { seals: 2, records: 3, receipts: 1, approvals: 0, decisions: 1, reviews: 0 }, replayed: { stateRoot: HASH, seq: 3 }, pending: [OID], reworded: ["applied seq 7: a\u001b"], problems: [] }, PLAIN),
    ["verified  looked at 2 seals, 3 records, 1 receipt, 1 decision, 0 reviews", `replayed 3 records alike, state root ${HASH}`, "not in force yet: cccccccccccc", "other words: applied seq 7: a\\u{1b}"],
  ],
  [
    "verify: approvals where there are some", verifyLines({ ok: true, checked: { seals: 2, records: 3, receipts: 1, approvals: 2, decisions: 1, reviews: 0 }, pending: [], reworded: [], problems: [] }, PLAIN),
    ["verified  looked at 2 seals, 3 records, 1 receipt, 2 approvals, 1 decision, 0 reviews"],
  ],
  [
    "verify: it does not hold, the first ten failures",
    verifyLines({ ok: false, checked: { seals: 0, records: 0, receipts: 0, approvals: 0, decisions: 0, reviews: 0 }, pending: [], reworded: [], problems: Array.from({ length: 12 }, (_, seq) => ({ seq, commit: OID, file: "journal/d00", code: "x.y", message: "other bytes" })) }, PLAIN).slice(9),
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
  assert.doesNotMatch(statusLines(STATUS, NOW).join("\n"), /\u001b/);
  assert.match(statusLines(STATUS, { ...NOW, style: COLOUR }).join("\n"), /\u001b\[32mTrue\u001b\[39m/);
});
