// What `aos propose` asks of itself before a server is asked: the server's own rule, on a real repository.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { AosError } from "@agentos/kernel";
import { openRepo, parseOid } from "@agentos/controller";
import { safeUpgradeRepo } from "@agentos/controller/testing";
import { aos } from "./testing/aos.ts";
import { requireTakeable } from "./takeable.ts";
import { withUpstream } from "./upstream.ts";

test("takeable: an agent's names and commits, and what is too big: refused as a server would, everything else taken", async (t) => {
  const world = await safeUpgradeRepo({ trust: (principals) => ({ principals: { ...principals, reviewer: { ...principals["reviewer"], kind: "agent" } } }) });
  t.after(() => world.remove());
  const branch = async (name: string, files: Readonly<Record<string, string | Uint8Array>>, by: "author" | "reviewer"): Promise<string> => {
    await world.git("switch", "--quiet", "--create", name, "main");
    return world.commit(`Offer ${name}`, files, by);
  };
  const persons = await branch("persons", { "more.txt": "more" }, "author");
  const agents = await branch("agents", { "more.txt": "more" }, "reviewer");
  const big = await branch("big", { "big.bin": new Uint8Array((16 << 20) + 1) }, "author");
  const rows: readonly (readonly [string, string, RegExp | undefined])[] = [
    ["small", persons, undefined],
    ["agent/reviewer/small", agents, undefined],
    ["small", agents, /^small: commit [0-9a-f]{12} is signed by reviewer, an agent: agents write only below refs\/heads\/proposals\/agent\/reviewer\//],
    ["agent/reviewer/small", persons, /^agent\/reviewer\/small: commit [0-9a-f]{12} is signed by author: only reviewer writes there/],
    ["agent/author/small", persons, /there is no agent author in the trust file of main/],
    ["Small", persons, /not a proposal's name/],
    ["big", big, /blob [0-9a-f]{12} has 16777217 bytes, more than 16777216/],
  ];
  const repo = await openRepo(join(world.folder, "world"));
  await withUpstream(repo, "as-is", async (upstream) => {
    for (const [slug, head, says] of rows) {
      const asked = requireTakeable(upstream, { slug, head: parseOid(head) });
      if (says === undefined) await asked;
      else await assert.rejects(asked, (error) => error instanceof AosError && error.code === "proposal.refused" && error.class === "input" && error.hint !== undefined && says.test(error.message), slug);
    }
  });
  assert.equal(rows.length, 7);
});

test("aos propose: a name that no server takes, and a branch whose name gives none: exit 2, and nothing is made", async (t) => {
  const world = await safeUpgradeRepo();
  t.after(() => world.remove());
  await world.git("switch", "--quiet", "--create", "тест", "main");
  const head = await world.commit("More", { "more.txt": "more" });
  await world.git("config", "aos.key", join(world.folder, "author"));
  const refs = await world.git("for-each-ref");
  const rows: readonly (readonly [readonly string[], string, RegExp, RegExp])[] = [
    [["propose", "agent/author/more", "-m", "More of it"], "proposal.refused", /^agent\/author\/more: there is no agent author in the trust file of main$/, /docs\/hooks\.md/],
    [["propose"], "proposal.name", /^тест: the branch's name gives no name for a proposal$/, /aos propose raise-limit/],
    [["propose", "More"], "proposal.name", /^More: not a proposal's name$/, /lower-case/],
  ];
  for (const [words, code, says, hint] of rows) {
    const ran = await aos([...words, "--json"], { cwd: join(world.folder, "world") });
    const { error } = JSON.parse(ran.stdout) as { readonly error: { readonly code: string; readonly message: string; readonly hint: string } };
    assert.deepEqual([ran.code, error.code], [2, code], ran.stdout);
    assert.match(error.message, says);
    assert.match(error.hint, hint);
    assert.deepEqual([await world.git("for-each-ref"), await world.git("rev-parse", "HEAD")], [refs, head]);
  }
  assert.equal(rows.length, 3);
});
