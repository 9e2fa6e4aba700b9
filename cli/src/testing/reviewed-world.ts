// A world of two persons, where what one proposes the other reviews.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { aos, git, ok, temporaryFolder, type Ran } from "./aos.ts";

export interface Place {
  readonly world: string;
  run(...words: readonly string[]): Promise<Ran>;
  json(...words: readonly string[]): Promise<Record<string, unknown>>;
}

/** With this policy; `rev` beside it is the reviewer's key. */
export async function place(t: TestContext, policy: object): Promise<Place> {
  const folder = await temporaryFolder(t);
  const world = join(folder, "world");
  const run = (...words: readonly string[]): Promise<Ran> => aos(words, { cwd: world });
  for (const words of [["keys", "new", "rev", "--out", "rev"], ["init", "world", "--person", "rev=rev.pub"]]) assert.equal((await aos(words, { cwd: folder })).code, 0);
  await writeFile(join(world, ".aos/policy.json"), JSON.stringify(policy));
  await git(world, "add", "--all");
  await git(world, "commit", "--quiet", "--amend", "--no-edit");
  return {
    world, run,
    async json(...words) {
      const { stdout, stderr } = await run(...words, "--json");
      assert.notEqual(stdout, "", stderr);
      return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>;
    },
  };
}

/** A branch of main with these files written, proposed, and reported on by a run of the world. */
export async function propose({ world, run }: Place, slug: string, files: Readonly<Record<string, string>>): Promise<void> {
  await git(world, "switch", "--quiet", "--create", slug, "main");
  for (const [path, text] of Object.entries(files)) await writeFile(join(world, path), text);
  await git(world, "add", "--all");
  await git(world, "commit", "--quiet", "--gpg-sign", "--message", `Change ${Object.keys(files).join(", ")}`);
  for (const words of [["propose"], ["run", "--once"]]) ok(await run(...words));
  await git(world, "switch", "--quiet", "main");
}

/** A proposal that was reported on is approved, merged and applied. */
export async function accept({ run }: Place, slug: string): Promise<void> {
  for (const words of [["review", slug, "--approve", "--key", "../rev"], ["merge", slug], ["run", "--once"]]) ok(await run(...words));
}
