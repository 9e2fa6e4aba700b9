import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { AosError } from "@agentos/kernel";
import { parseLinkRef, parseSyncMap } from "./sync-map.ts";

test("sync map: a full one: every field has its meaning", () => {
  const map = parseSyncMap(JSON.stringify({
    $schema: "x", version: 1, air: { dir: "defs" }, build: { modules: { "demo/A@1": "src/a.ts" }, reducer_dir: "rules", module: "demo/B@1" }, modules: { dir: "wasm", pull: true },
    workspaces: [
      { ref: "notes", dir: "docs", ignore: ["*.tmp", "!keep.tmp"], annotations: { "": { "sys/owner": "ada" }, "a b.md": { tags: ["x", 1] } } },
      { ref: "site@3/public/", local_dir: "www" },
    ],
  }));
  assert.deepEqual([map.airDir, map.modulesDir, [...map.sources]], ["defs", "wasm", [["demo/A@1", "src/a.ts"], ["demo/B@1", "rules/index.ts"]]]);
  assert.deepEqual(map.workspaces, [
    { workspace: "notes", version: undefined, path: undefined, dir: "docs", ignore: ["*.tmp", "!keep.tmp"], annotations: new Map<string, unknown>([["", new Map([["sys/owner", "ada"]])], ["a b.md", new Map([["tags", ["x", 1]]])]]) },
    { workspace: "site", version: 3, path: "public", dir: "www", ignore: [], annotations: new Map() },
  ]);
});

const WRONG: readonly (readonly [text: string, says: RegExp, hint?: RegExp])[] = [
  ['{"version":1,\n "workspace":[]}', /^aos\.sync\.json:2:\d+: \/workspace unknown field$/, /did you mean workspaces\?/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"d","ignor":[]}]}', /:1:\d+: \/workspaces\/0\/ignor unknown field$/, /did you mean ignore\?/],
  ['{"version":1,"workspaces":{}}', /\/workspaces must be a list$/],
  ['{"version":1,"workspaces":[{"dir":"d"}]}', /\/workspaces\/0 must have "ref"/, /WORKSPACE@VERSION/],
  ['{"version":1,"workspaces":[{"ref":"n"}]}', /\/workspaces\/0 must have "dir"/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"d","local_dir":"d"}]}', /\/local_dir is another word for dir/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"../d"}]}', /\/workspaces\/0\/dir must be a relative path inside the world$/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":".git/hooks"}]}', /\/workspaces\/0\/dir must not lead into \.git, which is git's own$/],
  ['{"version":1,"air":{"dir":"sub/.GIT"}}', /\/air\/dir must not lead into \.git/],
  ['{"version":1,"workspaces":[{"ref":"a b","dir":"d"}]}', /\/workspaces\/0\/ref must name a workspace$/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"d","ignore":[1]}]}', /\/ignore\/0 must be a pattern/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"d","annotations":{"a":"x"}}]}', /\/annotations\/a must be an object$/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"d","annotations":{"/a":{}}}]}', /\/annotations\/~1a must be a relative path/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"d"},{"ref":"m","dir":"d/e"}]}', /\/workspaces\/1 is kept in d\/e, and \/workspaces\/0 in d/],
  ['{"version":1,"workspaces":[{"ref":"n","dir":"d"},{"ref":"n/p","dir":"e"}]}', /\/workspaces\/1\/ref names what \/workspaces\/0 names too/],
  ['{"version":1,"modules":{"pull":"yes"}}', /\/modules\/pull must be true or false$/],
  ['{"version":1,"build":{"reducer_dir":"r"}}', /\/build\/reducer_dir does not say which module/, /"module": "demo\/Counter@1"/],
  ['{"version":1,"build":{"modules":{"d/a@1":"a.ts"},"module":"d/a@1"}}', /\/build\/module names d\/a@1/],
];

test("sync map: wrong: the place in the file, and a way out", () => {
  for (const [text, says, hint] of WRONG) {
    assert.throws(() => parseSyncMap(text), (error: unknown) => error instanceof AosError && error.code === "sync.invalid" && says.test(error.message) && (hint === undefined || hint.test(error.hint ?? "")), text);
  }
  assert.equal(WRONG.length, 18);
});

test("link ref: workspace, version and path: read, or refused", () => {
  const rows = [
    ["notes", { workspace: "notes", version: undefined, path: undefined }], ["notes@12/a/b/", { workspace: "notes", version: 12, path: "a/b" }], ["~a.-_", { workspace: "~a.-_", version: undefined, path: undefined }],
    ["", undefined], ["/a", undefined], ["a//b", undefined], ["a@", undefined], ["a@x", undefined], ["@1", undefined], ["a/..", undefined], ["a b", undefined], ["a/b@1", undefined],
  ] as const;
  for (const [text, found] of rows) assert.deepEqual(parseLinkRef(text), found, text);
  assert.equal(rows.length, 12);
});

test("sync map: this repository's own: read", () => {
  const map = parseSyncMap(readFileSync(new URL("../../../aos.sync.json", import.meta.url), "utf8"));
  assert.equal(map.workspaces.length, 2);
});
