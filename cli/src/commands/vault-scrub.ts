// aos vault scrub: values that the vault keeps go from the world's blobs, where a plan or a person left them in clear.

import { fileBlobs, forgetBlob, type Hash } from "@agentos/kernel";
import { openStore, publishedBlobs, readTip, stateFolderAt } from "@agentos/controller";
import { command } from "../command.ts";
import { scrubLines, type ScrubRow } from "../render/vault.ts";
import { vaultOf } from "../vault.ts";
import { worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: { "dry-run": { type: "boolean", default: false, describe: "Remove nothing; list what would be removed" } },
  epilogue:
    "A blob that a seal has published is left: it is no secret any more, and a clone needs it. Whoever asks for a removed one afterwards,\nsuch as a plan that puts the same value away a second time, finds nothing; replay needs none.\nWith --json: {blobs: [{name, version, digest, outcome}]}, outcome `removed`, `clear` (with --dry-run), `shared` or `published`.",
  async run(cx, { "dry-run": dryRun }) {
    const repo = await worldRepo(cx);
    const { blobs: dir } = stateFolderAt(repo);
    const blobs = fileBlobs(dir);
    const isPublished = await publishedIn(repo.commonDir);
    const rows: ScrubRow[] = [];
    for (const { name, versions } of await (await vaultOf(cx, "read")).list()) {
      for (const { version, digest } of versions) {
        if ((await blobs.get(digest)) === undefined) continue;
        const outcome = isPublished(digest) ? "published" : dryRun ? "clear" : await forgetBlob(dir, digest);
        rows.push({ name, version, digest, outcome });
      }
    }
    cx.out.result({ blobs: rows }, scrubLines(rows));
  },
});

async function publishedIn(gitDir: string): Promise<(hash: Hash) => boolean> {
  const store = openStore(gitDir);
  try {
    const tip = await readTip(store);
    const published = tip === undefined ? undefined : await publishedBlobs(store, tip.oid);
    return (hash) => published?.has(hash) === true;
  } finally {
    await store.close();
  }
}
