import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { githubFiles, parseActionsPlace } from "./github-files.ts";
import { workflowFaults } from "./tidy/workflow-rules.ts";
import { readYaml } from "./tidy/workflow-yaml.ts";

const GITHUB = join(dirname(fileURLToPath(import.meta.url)), "..", "..", ".github");

test("workflows: every file of .github: pinned, read-only beside strangers, nothing of a stranger's in a script", () => {
  const files = readdirSync(GITHUB, { recursive: true }).map(String).filter((name) => name.endsWith(".yml"));
  for (const file of files) assert.deepEqual(workflowFaults(readFileSync(join(GITHUB, file), "utf8")), [], file);
  assert.ok(files.length >= 6, files.join(", "));
});

const HEAD = "jobs:\n  a:\n    runs-on: x\n    timeout-minutes: 1\n    steps:\n";
const ROWS: readonly (readonly [string, string, RegExp])[] = [
  ["a tag", `on: push\npermissions: {}\n${HEAD}      - uses: actions/cache@v4\n`, /not pinned by commit/],
  ["a branch of somebody", `on: push\npermissions: {}\n${HEAD}      - uses: some/thing@main\n`, /not pinned/],
  ["no permissions", `on: push\n${HEAD}      - run: "true"\n`, /says no permissions/],
  ["pull_request with rights to write", `on: [push, pull_request]\npermissions:\n  contents: write\n${HEAD}      - run: "true"\n`, /may write contents/],
  ["pull_request_target", `on: pull_request_target\npermissions: {}\n${HEAD}      - run: "true"\n`, /pull_request_target/],
  ["a checkout of the head after pull_request_target", `on:\n  pull_request_target:\npermissions: {}\n${HEAD}      - uses: actions/checkout@${"1".repeat(40)}\n        with:\n          persist-credentials: false\n          ref: \${{ github.event.pull_request.head.sha }}\n`, /a stranger's commit/],
  ["a checkout of the head after workflow_run", `on:\n  workflow_run:\n    workflows: [ci]\npermissions: {}\n${HEAD}      - uses: actions/checkout@${"1".repeat(40)}\n        with:\n          persist-credentials: false\n          ref: \${{ github.event.workflow_run.head_sha }}\n`, /a stranger's commit/],
  ["a fetch of the head in a script", `on: workflow_run\npermissions: {}\n${HEAD}      - run: git fetch origin refs/pull/1/head\n`, /names a stranger's commit/],
  ["a title in a script", `on: pull_request\npermissions: {}\n${HEAD}      - run: |\n          echo "\${{ github.event.pull_request.title }}"\n`, /belongs into env/],
  ["a checkout that keeps the token", `on: push\npermissions: {}\n${HEAD}      - uses: actions/checkout@${"1".repeat(40)}\n`, /leaves the token/],
  ["an action's script with an input in it", "runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: aos verify ${{ inputs.trust }}\n", /belongs into env/],
  ["pull_request with all rights by a word", `on: pull_request\npermissions: write-all\n${HEAD}      - run: "true"\n`, /on pull_request it may write everything/],
  ["all rights by a word, of one job", `on: pull_request\npermissions: {}\njobs:\n  a:\n    runs-on: x\n    permissions: write-all\n    timeout-minutes: 1\n    steps:\n      - run: "true"\n`, /on pull_request it may write everything/],
  ["pull_request whose one job may write", `on: pull_request\npermissions: {}\njobs:\n  a:\n    runs-on: x\n    permissions:\n      checks: write\n    timeout-minutes: 1\n    steps:\n      - run: "true"\n`, /may write checks/],
  ["a reusable workflow of a branch", "on: push\npermissions: {}\njobs:\n  a:\n    uses: some/thing/.github/workflows/x.yml@main\n", /not pinned/],
  ["a reusable workflow that gets all secrets", `on: push\npermissions: {}\njobs:\n  a:\n    uses: some/thing/.github/workflows/x.yml@${"1".repeat(40)}\n    secrets: inherit\n`, /all secrets/],
  ["an image by its tag", `on: push\npermissions: {}\n${HEAD}      - uses: docker://alpine:3\n`, /not pinned/],
  ["a short commit", `on: push\npermissions: {}\n${HEAD}      - uses: actions/cache@${"1".repeat(12)}\n`, /not pinned/],
  ["a title in a script of an action", `on: push\npermissions: {}\n${HEAD}      - uses: actions/github-script@${"1".repeat(40)}\n        with:\n          script: console.log("\${{ github.event.head_commit.message }}")\n`, /belongs into env/],
  ["a checkout of the head after a comment", `on: issue_comment\npermissions: {}\n${HEAD}      - run: gh pr checkout "$NUMBER"\n`, /names a stranger's commit/],
  ["a checkout of the head with rights to write, in a script", `on: push\npermissions:\n  contents: write\n${HEAD}      - run: git checkout "$GITHUB_HEAD_REF"\n`, /names a stranger's commit/],
  ["a job without an end", "on: push\npermissions: {}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: \"true\"\n", /no end in time/],
];

test("workflows: what the rules forbid: is found", () => {
  for (const [name, text, fault] of ROWS) assert.match(workflowFaults(text).join("\n"), fault, name);
  assert.equal(ROWS.length, 22);
});

test("workflows: YAML that the reader does not read: refused, not guessed", () => {
  const rows = ["a: &anchor b", "a: {b: c}", "a: >\n  folded", "a: [b,\n  c]", "a: b\na: c", "a: b\n  c: d", "- a\n b: c"];
  for (const row of rows) assert.throws(() => readYaml(row), Error, row);
  assert.equal(rows.length, 7);
  assert.deepEqual(readYaml("a: 'x # y' # note\nb:\n- c: |\n    one\n\n    # two\n  d: [e, f]\n- g\n"), { a: "x # y", b: [{ c: "one\n\n# two\n", d: ["e", "f"] }, "g"] });
});

test("aos init --github: the workflows of a new world: hold to the same rules and use the actions at one commit", () => {
  const files = githubFiles(parseActionsPlace(`somebody/agentos@${"a".repeat(40)}`), `sha256:${"b".repeat(64)}`);
  for (const [path, bytes] of files) {
    const text = new TextDecoder().decode(bytes);
    assert.deepEqual(workflowFaults(text), [], path);
    assert.match(text, new RegExp(`uses: somebody/agentos/\\.github/actions/setup@${"a".repeat(40)}\n`), path);
    for (const [, action] of text.matchAll(/\.github\/actions\/([a-z]+)@/g)) assert.ok(readdirSync(join(GITHUB, "actions")).includes(action ?? ""), action);
  }
  assert.equal(files.size, 3);
  for (const wrong of ["somebody/agentos", "somebody/agentos@v1", "agentos@" + "a".repeat(40), `a/b@${"a".repeat(39)}`]) assert.throws(() => parseActionsPlace(wrong), /expected OWNER\/NAME@COMMIT/);
});
