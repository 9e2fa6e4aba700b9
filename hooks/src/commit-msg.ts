// The message of a commit: it says which proposal it is for, and does not say what only merges and seals may say.

import { readFile } from "node:fs/promises";
import { SYNC_FILE, gitIn, isSlug } from "@agentos/controller";
import type { Repo } from "@agentos/controller";
import { fieldsOf } from "./client-repo.ts";
import type { Verdict } from "./pre-receive.ts";

/** By these, merges of proposals and seals of the journal are read. */
const RESERVED: readonly string[] = ["Decision", "Cid", "Journal-Head", "State-Root", "Segment"];
/** Messages that git joins with another one later. */
const JOINED = /^(?:fixup|squash|amend)! /;

/**
 * Checks the trailers of a message, and adds `Proposal: <slug>` on a branch that can be called so.
 *
 * @param file - the message, as git hands it to the hook
 */
export async function commitMsg(repo: Repo, file: string): Promise<Verdict> {
  if ((await gitIn(repo, ["ls-files", "--error-unmatch", "--", SYNC_FILE], { allowExit: [1] })).code !== 0) return { ok: true };
  const trailers = (await fieldsOf(repo, ["interpret-trailers", "--parse", "--no-divider", file])).map(readTrailer);
  const proposals = trailers.filter(({ name }) => name === "proposal");
  const messages = [
    ...RESERVED.filter((name) => trailers.some((trailer) => trailer.name === name.toLowerCase())).map((name) => `${name}: only a merge by \`aos merge\` or a seal says that; leave it out`),
    ...proposals.filter(({ value }) => !isSlug(value)).map(({ value }) => `Proposal: ${JSON.stringify(value.slice(0, 100))} is not a proposal's name (lower-case letters, digits and -)`),
    ...(proposals.length > 1 ? ["Proposal: a commit is for one proposal"] : []),
  ];
  if (messages.length > 0) return { ok: false, messages };
  const slug = proposals.length === 0 ? await slugHere(repo) : undefined;
  const [first = ""] = await fieldsOf(repo, ["stripspace", "--strip-comments"], { stdin: await readFile(file, "utf8") });
  if (slug !== undefined && first !== "" && !JOINED.test(first)) await gitIn(repo, ["interpret-trailers", "--in-place", "--no-divider", "--if-exists", "doNothing", "--trailer", `Proposal: ${slug}`, file]);
  return { ok: true };
}

function readTrailer(line: string): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(":");
  return { name: line.slice(0, colon).trim().toLowerCase(), value: line.slice(colon + 1).trim() };
}

/** What a proposal of the branch at hand is called: as `aos propose` calls it. */
async function slugHere(repo: Repo): Promise<string | undefined> {
  const { stdout, code } = await gitIn(repo, ["symbolic-ref", "--quiet", "--short", "HEAD"], { allowExit: [1] });
  const branch = stdout.toString("utf8").trim();
  if (code !== 0 || branch === "main") return undefined;
  if (branch.startsWith("proposals/")) return isSlug(branch.slice("proposals/".length)) ? branch.slice("proposals/".length) : undefined;
  const last = branch.split("/").at(-1) ?? branch;
  const slug = last.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
  return isSlug(slug) ? slug : undefined;
}
