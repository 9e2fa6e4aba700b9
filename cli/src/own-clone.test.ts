import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { test } from "node:test";
import { openClone } from "./own-clone.ts";
import { git, temporaryFolder } from "./testing/aos.ts";

test("own clone: every start but the first finds it, however the path is written; another repository's is refused", { timeout: 60_000 }, async (t) => {
  const folder = await temporaryFolder(t);
  const [there, dir] = [join(folder, "there.git"), join(folder, "own.git")];
  await git(folder, "init", "--quiet", "--bare", there);
  const paths = [relative(process.cwd(), there), there, `${folder}/else/../there.git`];
  assert.match(String(paths[0]), /^\.\./, "this one is relative, and leads upward");
  for (const path of paths) assert.equal((await openClone(path, dir, undefined)).gitDir, (await openClone(path, dir, undefined)).gitDir, path);

  await git(folder, "init", "--quiet", "--bare", "other.git");
  await assert.rejects(openClone(join(folder, "other.git"), dir, undefined), { code: "controller.dir" });
  await assert.rejects(openClone(there, join(folder, "other.git"), undefined), { code: "controller.dir", message: /a clone of nothing, not of / });
});
