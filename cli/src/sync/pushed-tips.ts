// The commits that this clone pushed to a proposal last: one that somebody, or the same person elsewhere, went on with is not taken for its own.

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isOid, type Oid, type Repo } from "@agentos/controller";
import { draftIn } from "./drafts.ts";

type At = Pick<Repo, "commonDir">;

export async function readPushedTips(repo: At, slug: string): Promise<readonly Oid[]> {
  const text = await readFile(fileOf(repo, slug), "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").filter(isOid);
}

/** @param tips - the one that is to be pushed, and the one that stands where that is refused */
export async function writePushedTips(repo: At, slug: string, tips: readonly Oid[]): Promise<void> {
  const file = fileOf(repo, slug);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = draftIn(dirname(file));
  await writeFile(draft, tips.map((tip) => `${tip}\n`).join(""));
  await rename(draft, file);
}

function fileOf({ commonDir }: At, slug: string): string {
  return join(commonDir, "aos", "sync", `${slug}.tips`);
}
