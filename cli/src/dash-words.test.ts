// Words that begin with a dash: which are flags, and that a command is given the others as they were typed. And empty ones.

import assert from "node:assert/strict";
import { test } from "node:test";
import { asTyped, markDashWords } from "./dash-words.ts";
import { aos, temporaryFolder } from "./testing/aos.ts";

const TYPED: readonly (readonly [argv: string, yargs: string])[] = [
  ["", ""],
  ["check --json -w a", "check --json -w a"],
  ["air patch apply -", "air patch apply \0-"],
  ["hash -- a", "hash a"],
  ["hash a -- -a --json - --", "hash a \0-a \0--json \0- \0--"],
];

test("dash words: no flag is left behind `--`, and all come back as typed", () => {
  let rows = 0;
  for (const [argv, yargs] of TYPED) {
    const marked = markDashWords(argv.split(" "));
    assert.deepEqual(marked, yargs.split(" "), argv);
    assert.deepEqual(asTyped(marked), argv.split(" ").filter((_, index, all) => index !== all.indexOf("--")));
    rows++;
  }
  assert.equal(rows, TYPED.length);
});

const SAID: readonly (readonly [words: string, said: string])[] = [
  ["explain -- -a", "-a: no rule has this code"],
  ["explain -- air.name --json", "--json: one argument too many of `aos explain`"],
  ["explain -", "-: no rule has this code"],
  ["-", "-: unknown command"],
  ["--", "aos: a command is missing"],
  ["air diff -- -a HEAD", "-a: neither a folder nor a commit: there is no repository here"],
  ["init --template - x", 'aos init: --template "-": expected one of "counter", "assemblyscript", "empty"'],
  ["air diff  HEAD", "aos air diff: the argument <a> is empty"],
  ["hash a.json ", "aos hash: the argument <file> is empty"],
  ["init --person reviewer=none.pub x", "none.pub: no public key can be read there"],
];

test("words of a command: dashes are what they are typed as, an empty one is refused, a flag that may be given again takes one", async (t) => {
  const cwd = await temporaryFolder(t);
  let rows = 0;
  for (const [words, said] of SAID) {
    const { code, stdout, stderr } = await aos(words.split(" "), { cwd });
    assert.deepEqual([code, stdout, stderr.split("\n")[0]], [2, "", `error: ${said}`], words);
    rows++;
  }
  assert.equal(rows, SAID.length);
});
