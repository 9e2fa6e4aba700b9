import assert from "node:assert/strict";
import { after, test } from "node:test";
import { gitIn, listRefs } from "@agentos/controller";
import type { Oid } from "@agentos/controller";
import { ALIAS, HOSTILE_BRANCHES } from "./testing/hostile-branches.ts";
import { HOSTILE_MAIN } from "./testing/hostile-main.ts";
import { HOSTILE_PUBLISHED } from "./testing/hostile-published.ts";
import { besieged } from "./testing/hostile.ts";
import type { HostileRow } from "./testing/hostile.ts";
import { MAIN } from "./testing/site.ts";
import { writeRaw } from "./testing/raw-object.ts";

Object.assign(process.env, { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" });

const endings: (() => Promise<void>)[] = [];
const atEnd = { after: (end: () => Promise<void>): void => void endings.push(end) };
after(async () => {
  for (const end of endings.reverse()) await end();
});

const site = besieged(atEnd).then(async (at) => {
  await gitIn({ ...at.world.local.repo, gitDir: at.server }, ["symbolic-ref", ALIAS.name, ALIAS.target]);
  return at;
});

/** Rows of different refs that decide nothing for each other go in one push: the hook says of each ref what is wrong with it. */
function pushes(): readonly (readonly HostileRow[])[] {
  const together: HostileRow[][] = [];
  for (const row of [...HOSTILE_PUBLISHED, ...HOSTILE_BRANCHES]) {
    const free = together.find((rows) => rows.every(([, ref]) => ref !== row[1]));
    if (free === undefined) together.push([row]);
    else free.push(row);
  }
  return [...HOSTILE_MAIN.map((row) => [row]), ...together];
}

const TABLE = pushes();

test("hostile pushes: the table: a hundred at least, each says another thing that it tries", () => {
  const rows = TABLE.flat();
  assert.ok(rows.length >= 100, `${rows.length} rows`);
  assert.equal(new Set(rows.map(([tries]) => tries)).size, rows.length);
});

for (const rows of TABLE)
  test(`hostile push: ${rows.length === 1 ? rows[0]?.[0] : `${rows.length} refs at once`}: refused, every ref as it was`, async (t) => {
    const { world, server, push } = await site;
    const before = await listRefs(server, "refs/");
    const tips = new Map<string, Oid | undefined>();
    for (const [, ref, what] of rows) tips.set(ref, await what(world));
    const { code, said } = await push([...tips].map(([ref, tip]) => (tip === undefined ? `:${ref}` : `+${tip}:${ref}`)));
    assert.deepEqual(await listRefs(server, "refs/"), before);
    assert.notEqual(code, 0, said);
    let judged = 0;
    for (const [tries, ref, , says] of rows)
      await t.test(`hostile push: ${tries}: refused`, () => {
        const line = said.split("\n").find((one) => one.startsWith(`remote: aos: ${ref}: `));
        assert.match(line ?? `nothing of ${ref} in: ${said}`, says);
        judged++;
      });
    assert.equal(judged, rows.length);
  });

/** What git itself refuses, before or after the hook looks. */
const GIT_REFUSES: readonly (readonly [tries: string, entry: string, says: RegExp])[] = [
  ["a folder .git", ".git", /hasDotgit|contains '\.git'|\.git/],
  ["a file ..", "..", /hasDotdot|contains '\.\.'/],
  ["a file with a slash in its name", "a/b", /fullPathname|contains full pathnames/],
];

for (const [tries, name, says] of GIT_REFUSES)
  test(`hostile push: a tree with ${tries}: refused by git's own check, which the installation turned on`, async () => {
    const { world, server, push } = await site;
    const before = await listRefs(server, "refs/");
    const inner = await writeRaw(world.folder, "blob", Buffer.from("x"));
    const tree = await writeRaw(world.folder, "tree", Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(inner, "hex")]));
    const tip = await world.commit({ parents: [await world.main()], files: {}, tree, by: "author" });
    const { code, said } = await push([`${tip}:refs/heads/proposals/odd`]);
    assert.notEqual(code, 0);
    assert.match(said, says);
    assert.deepEqual(await listRefs(server, "refs/"), before);
  });

test("hostile push: a thousand and one refs: refused at once", async () => {
  const { world, server, push } = await site;
  const before = await listRefs(server, "refs/");
  const main = await world.main();
  const { code, said } = await push(Array.from({ length: 1001 }, (_, at) => `${main}:refs/heads/feature/${at}`));
  assert.notEqual(code, 0);
  assert.match(said, /aos: 1001 refs in one push are more than 1000/);
  assert.deepEqual(await listRefs(server, "refs/"), before);
});

test("hostile push: one bad ref among good ones: none moves", async () => {
  const { world, server, push } = await site;
  const before = await listRefs(server, "refs/");
  const fine = await world.commit({ parents: [await world.main()], files: { "air/fine.txt": "x\n" }, by: "author" });
  const { code } = await push([`${fine}:refs/heads/proposals/fine`, `${fine}:refs/heads/Main`]);
  assert.notEqual(code, 0);
  assert.deepEqual(await listRefs(server, "refs/"), before);
});

test("hostile push: after all of them: a friendly one is taken", async () => {
  const { world, server, push } = await site;
  const fine = await world.commit({ parents: [await world.main()], files: { "air/fine.txt": "x\n" }, by: "author" });
  const mine = await world.commit({ parents: [await world.main()], files: { "air/mine.txt": "x\n" }, by: "helper" });
  const merged = await world.merge("good", { by: "reviewer" });
  const { code, said } = await push([`${fine}:refs/heads/proposals/fine`, `${fine}:refs/tags/v1`, `${mine}:refs/heads/proposals/agent/helper/mine`, `${merged}:${MAIN}`]);
  assert.equal(code, 0, said);
  assert.equal((await listRefs(server, MAIN)).get(MAIN), merged);
});
