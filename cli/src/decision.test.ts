// What is asked of decisions: policies checked, explained and tried, and why a proposal, a merge or a record is as it is.

import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Answers } from "./answer.ts";
import { walkOf } from "./record-walk.ts";
import { git } from "./testing/aos.ts";
import { place, propose } from "./testing/reviewed-world.ts";

const POLICY = {
  version: 1, approvals: 1, shadow: "required", widening: { approvals: 2, alone: true },
  rules: [{ name: "no-notes", when: { files: ["NOTES*"] }, deny: "notes go elsewhere" }, { name: "texts", when: { files: ["*.txt"] }, require: { shadow: "clean" } }],
};

test("decisions: a rule refuses, another approves; asked why before and after the merge, and of a record", async (t) => {
  const at = await place(t, POLICY);
  const { world, run, json } = at;
  assert.equal((await run("run", "--once")).code, 0);
  await propose(at, "notes", { "NOTES.md": "NOTES.md\n" });
  const refused = await run("why", "notes");
  assert.equal(refused.code, 0, refused.stderr);
  assert.match(refused.stdout, /^refused {2}notes at [0-9a-f]{12}, would be merged into [0-9a-f]{12}\ndecided by: policy no-notes: rule no-notes \(changes NOTES\.md\): notes go elsewhere\ndecided by: approvals: 0 of 1 approvals\n/);
  const merge = await run("merge", "notes", "--json");
  assert.deepEqual([merge.code, /"hint":"aos why notes: it says what the rule asks for/.test(merge.stdout)], [3, true], merge.stdout);

  await propose(at, "text", { "hello.txt": "hello.txt\n" });
  assert.equal((await run("review", "text", "--approve", "-m", "fine", "--key", "../rev")).code, 0);
  const open = await json("why", "text");
  assert.deepEqual([open["what"], open["verdict"], open["recorded"], open["derived_again"]], ["proposal", "approved", false, true]);
  // What git does not know stands in the way only where main gets a file of that name.
  await writeFile(join(world, "hello.txt"), "mine\n");
  await writeFile(join(world, "mine.txt"), "mine\n");
  const inTheWay = await run("merge", "text");
  assert.deepEqual([inTheWay.code, inTheWay.stderr], [2, "error: hello.txt: not committed, and main is checked out here\nhint: commit or stash it, or git switch to another branch\n"]);
  await rm(join(world, "hello.txt"));
  assert.equal((await run("merge", "text")).code, 0);
  await rm(join(world, "mine.txt"));
  const early = await json("why", "text");
  assert.deepEqual((early["error"] as { code: string }).code, "why.unpublished");
  assert.equal((await run("run", "--once")).code, 0);

  const head = (await git(world, "rev-parse", "proposals/text")).trim();
  let asked = 0;
  for (const what of ["main", head.slice(0, 12), "proposals/text"]) {
    const why = await json("why", what);
    assert.deepEqual([why["what"], why["slug"], why["verdict"], why["recorded"]], ["merge", "text", "approved", true], what);
    asked++;
  }
  assert.equal(asked, 3);
  const told = await run("why", "text");
  assert.match(told.stdout, /yes {2}rule texts \(changes hello\.txt\): its shadow run is clean\n/);
  assert.match(told.stdout, /counts {2}rev\n/);
  assert.match(told.stdout, /the recorded decision, word for word; every signature in it holds\n$/);
  const record = await json("why", "2");
  assert.deepEqual([(record["walk"] as { relation: string; record: { kind: string } }[]).map(({ relation, record: { kind } }) => `${relation} ${kind}`), (record["decision"] as { verdict: string }).verdict], [["asked applied"], "approved"]);

  const other = join(world, "..", "other.json");
  await writeFile(other, JSON.stringify({ version: 1, approvals: 2, shadow: "required" }));
  const rows = async (...words: readonly string[]): Promise<unknown> => ((await json("policy", "simulate", other, ...words))["rows"] as { slug: string; now: string; under: string; changes: boolean }[]).map(({ slug, now, under, changes }) => [slug, now, under, changes]);
  assert.deepEqual([await rows("notes"), await rows("--merged")], [[["notes", "refused", "refused", false]], [["text", "approved", "refused", true]]]);
  const simulated = await run("policy", "simulate", other, "--merged");
  assert.match(simulated.stdout, /^text {2}[0-9a-f]{12} {2}approved → refused\n {2}no {3}1 of 2 approvals: rev\n1 of 1 verdict would be another\n$/);
  assert.equal((await run("verify", "--replay")).code, 0);
});

test("why a record: from what it is to the input that began it, and on to what became of an effect", async () => {
  const records = [
    { seq: 0, kind: "genesis" }, { seq: 1, kind: "applied" }, { seq: 2, kind: "event" }, { seq: 3, kind: "plan_started", cause: 2 }, { seq: 4, kind: "held", cause: 3 },
    { seq: 5, kind: "approval", held_seq: 4 }, { seq: 6, kind: "intent", cause: 4, approved: 5 }, { seq: 7, kind: "event" }, { seq: 8, kind: "receipt", intent_seq: 6 }, { seq: 9, kind: "plan_ended", cause: 8 },
  ];
  const journal = async ({ from, limit }: { from: number; limit: number }): ReturnType<Answers["journal"]> => {
    const page = records.filter(({ seq }) => seq >= from).slice(0, Math.min(limit, 2));
    return { records: page, next: (page.at(-1)?.seq ?? from - 1) + 1, end: records.length };
  };
  const rows: readonly (readonly [number, string])[] = [
    [0, "asked 0"], [3, "asked 3, because of 2"], [4, "asked 4, because of 3, because of 2, answered by 5"],
    [6, "asked 6, granted by 5, because of 4, because of 3, because of 2, answered by 8"],
    [9, "asked 9, because of 8, answers 6, granted by 5, because of 4, because of 3, because of 2"],
  ];
  for (const [seq, expected] of rows) assert.equal((await walkOf({ journal }, seq)).map(({ relation, record }) => `${relation} ${record.seq}`).join(", "), expected);
  assert.equal(rows.length, 5);
  await assert.rejects(walkOf({ journal }, 99), { code: "journal.seq", message: "#99: there is no such record; the journal ends before #10" });
});

const WRONG: readonly (readonly [string, readonly string[], string, RegExp])[] = [
  ["a policy with a slip", ["policy", "check", "slip.json"], "policy.invalid", /^slip\.json:2:\d+: \/own: unknown field "own"; known are version, .* \(and 1 more\)$/],
  ["a policy that is not there", ["policy", "check", "absent.json"], "cli.file", /^absent\.json: cannot be read \(ENOENT\)$/],
  ["no JSON", ["policy", "explain", "README.md"], "json.syntax", /^README\.md:1:1: /],
  ["a policy to simulate that is wrong", ["policy", "simulate", "slip.json"], "policy.invalid", /^slip\.json:2/],
  ["a proposal nobody made", ["policy", "simulate", ".aos/policy.json", "ghost"], "proposal.unknown", /^ghost: there is no such proposal/],
  ["a proposal and what was merged", ["policy", "simulate", ".aos/policy.json", "ghost", "--merged"], "cli.usage", /name a proposal or say --merged/],
  ["why of nothing", ["why", "ghost"], "why.unknown", /^ghost: neither a proposal, nor a commit, nor a record's seq$/],
  ["why of the first commit", ["why", "main"], "why.genesis", /the world begins with this commit/],
];

test("policy and why: explained, checked, asked wrongly: the sentences, or the place, a way out, exit 2", async (t) => {
  const { world, run, json } = await place(t, POLICY);
  const { stdout } = await run("policy", "explain");
  assert.match(stdout, /^approvals\n {2}1 person other than the authors must approve\.\nshadow\n/);
  assert.match(stdout, /\nrule no-notes\n {2}When it changes a file NOTES\*: refused: notes go elsewhere\n/);
  assert.deepEqual(((await json("policy", "explain"))["clauses"] as { clause: string }[]).map(({ clause }) => clause), ["approvals", "shadow", "widening", "rule no-notes", "rule texts", "always"]);
  await writeFile(join(world, "slip.json"), '{"version":1,"approvals":1,"shadow":"required",\n"rules":[{"name":"r","when":{"author":"x"},"deny":"no"}],"own":1}');
  let wrong = 0;
  for (const [what, words, code, message] of WRONG) {
    const { code: exit, stdout } = await run(...words, "--json");
    const { error } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as { error: { code: string; message: string; hint?: string } };
    assert.deepEqual([exit, error.code], [2, code], what);
    assert.match(error.message, message, what);
    wrong++;
  }
  assert.equal(wrong, 8);
  const checked = await run("policy", "check", "slip.json");
  assert.match(checked.stdout, /^error {2}slip\.json:2:\d+: \/own: unknown field "own".*\nerror {2}slip\.json:2:\d+: \/rules\/0\/when\/author: unknown field "author"; known are kinds, /);
  const good = await run("policy", "check");
  assert.deepEqual([good.code, good.stdout.split("\n")[0]], [0, "warnings  .aos/policy.json can be read: 2 rules"]);
  assert.match(good.stdout, /\/widening\/approvals: only what no person wrote could satisfy it/);
  assert.equal(await readFile(join(world, ".aos/policy.json"), "utf8"), JSON.stringify(POLICY));
});
