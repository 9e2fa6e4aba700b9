// aos log: the seals and the commits of main, newest first: the world's diary.

import { AosError } from "@agentos/kernel";
import { firstParents, MAIN_REF, readRef, readSeals, readTip, verifyCommit, type ObjectStore, type Oid, type Repo } from "@agentos/controller";
import { command } from "../command.ts";
import { logLines, type LogEntry } from "../render/log.ts";
import { ownerOf, readTrustOf } from "../signers.ts";
import { withStore, worldRepo } from "../world.ts";

export default command({
  positionals: {},
  options: { number: { alias: "n", type: "number", requiresArg: true, default: 20, describe: "How many entries at most" } },
  epilogue: "The same with stock git: git log refs/notes/aos; git log --notes=aos main",
  async run(cx, { number }) {
    if (!Number.isSafeInteger(number) || number < 1) throw new AosError("cli.count", "--number: expected a whole number from 1", { hint: "such as -n 20" });
    const repo = await worldRepo(cx);
    const entries = await withStore(repo, (store) => readEntries(repo, store));
    const told = entries.slice(0, number);
    cx.out.result({ entries: told, more: entries.length - told.length }, told.length === 0 ? ["nothing was decided or published yet"] : logLines(told, cx.out.style));
    if (told.length < entries.length) cx.out.notice(`${entries.length - told.length} older entries; see them with -n`);
  },
});

async function readEntries(repo: Repo, store: ObjectStore): Promise<readonly LogEntry[]> {
  const main = await readRef(repo.commonDir, MAIN_REF);
  const commits = main === undefined ? [] : await firstParents(repo, null, main);
  const tip = await readTip(store);
  const seals = tip === undefined ? [] : await readSeals(store);
  const trust = main === undefined ? undefined : await readTrustOf(store, main);
  const entry = async (kind: LogEntry["kind"], oid: Oid): Promise<LogEntry> => {
    const commit = await store.readCommit(oid);
    const object = await store.read(oid);
    const key = object === undefined ? undefined : verifyCommit(object.bytes)?.publicKey;
    const [subject = "", , ...body] = commit.message.trimEnd().split("\n");
    return { kind, commit: oid, time: commit.committer.time, by: ownerOf(trust, key), subject, body: detailsOf(kind, body) };
  };
  const all = await Promise.all([...commits.map((oid) => entry("main", oid)), ...seals.map(({ oid }) => entry("seal", oid))]);
  return all.sort((a, b) => b.time - a.time || (a.kind === b.kind ? 0 : a.kind === "seal" ? -1 : 1));
}

/** Of a seal its records, of a merge its trailers; the checkpoint is for machines. */
function detailsOf(kind: LogEntry["kind"], body: readonly string[]): readonly string[] {
  const lines = body.filter((line) => line !== "");
  return kind === "seal" ? lines.filter((line) => /^\d/.test(line)) : lines;
}
