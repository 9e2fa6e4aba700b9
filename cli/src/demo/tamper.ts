// A forger with write access to a clone: changes one byte of one receipt and commits the result with stock git.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AosError, decodeRecord, type JournalRecord } from "@agentos/kernel";
import { decodeSegment, openRepo, openStore, readSeals } from "@agentos/controller";
import { git, run } from "./processes.ts";

/** Flips a bit in the payload of the last receipt of the published journal; says which. */
export async function tamperWithReceipt(folder: string): Promise<string> {
  const repo = await openRepo(folder);
  const store = openStore(repo.gitDir);
  try {
    for (const seal of (await readSeals(store)).toReversed()) {
      const bytes = await store.readPath(seal.oid, seal.checkpoint.segment);
      const receipt = bytes === undefined ? undefined : decodeSegment(bytes).records.map(decodeRecord).findLast((record): record is JournalRecord<"receipt"> => record.kind === "receipt");
      if (bytes === undefined || receipt === undefined) continue;
      const at = Buffer.from(bytes).indexOf(Buffer.from(receipt.payload)) + receipt.payload.length - 1;
      const forged = bytes.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      await commitInstead(folder, seal.checkpoint.segment, forged);
      return `seq ${receipt.seq}, byte ${at} of ${seal.checkpoint.segment}`;
    }
    throw new AosError("demo.tamper", "there is no receipt to forge");
  } finally {
    await store.close();
  }
}

async function commitInstead(folder: string, path: string, bytes: Uint8Array): Promise<void> {
  const file = join(folder, ".git", "forged");
  await writeFile(file, bytes);
  const blob = await git(folder, "hash-object", "-w", file);
  const env = { GIT_INDEX_FILE: join(folder, ".git", "forged-index") };
  const withIndex = async (...args: readonly string[]): Promise<string> => (await run("git", ["-C", folder, ...args], folder, { expect: 0, env })).stdout.trimEnd();
  await withIndex("read-tree", "refs/notes/aos");
  await withIndex("update-index", "--cacheinfo", `100644,${blob},${path}`);
  const tree = await withIndex("write-tree");
  const tip = await git(folder, "rev-parse", "refs/notes/aos");
  const message = await git(folder, "log", "-1", "--format=%B", tip);
  const parents = (await git(folder, "log", "-1", "--format=%P", tip)).split(" ").filter((parent) => parent !== "");
  const author = ["-c", "user.name=controller", "-c", "user.email=controller@aos"];
  const commit = (await run("git", ["-C", folder, ...author, "commit-tree", tree, ...parents.flatMap((parent) => ["-p", parent]), "-m", message], folder)).stdout.trimEnd();
  await git(folder, "update-ref", "refs/notes/aos", commit);
}
