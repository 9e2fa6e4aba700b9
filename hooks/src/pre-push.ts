// Before a push: no secret leaves, and no proposal that does not compile.

import { AosError, createModuleRunner } from "@agentos/kernel";
import { PROPOSALS_PREFIX, filesOfCommit, gitIn, loadWorld, openStore, parseOid, requireControl } from "@agentos/controller";
import type { ObjectStore, Oid, Repo } from "@agentos/controller";
import { fieldsOf } from "./client-repo.ts";
import type { Verdict } from "./pre-receive.ts";
import { ALLOW_SECRET, findSecrets } from "./secrets.ts";

/** One ref as git tells the hook. */
interface PrePushLine {
  readonly localOid: string;
  readonly remoteRef: string;
  readonly remoteOid: string;
}

/** A bigger file is not searched. */
const SEARCHED_BYTES_MAX = 8 << 20;
const FOUND_SHOWN = 20;

/**
 * Judges branches and tags; what is published is the controller's, which signs it. What the remote has already is not looked at.
 *
 * @param remote - its name, or its URL where it has none
 */
export async function prePush(repo: Repo, remote: string, lines: readonly PrePushLine[]): Promise<Verdict> {
  const offered = lines.flatMap(({ localOid, remoteRef }) => (/^0+$/.test(localOid) || !isJudged(remoteRef) ? [] : [{ tip: parseOid(localOid), ref: remoteRef }]));
  if (offered.length === 0) return { ok: true };
  const store = openStore(repo.commonDir, { env: repo.env });
  try {
    const messages: string[] = [];
    for (const { tip, ref } of offered) if (ref.startsWith(PROPOSALS_PREFIX)) messages.push(...(await faultsOfWorld(store, tip)).map((fault) => `${ref}: ${fault}`));
    const known = await knownThere(repo, remote, lines);
    messages.push(...(await secretsOf(repo, store, { tips: offered.map(({ tip }) => tip), known })));
    return messages.length === 0 ? { ok: true } : { ok: false, messages };
  } finally {
    await store.close();
  }
}

function isJudged(ref: string): boolean {
  return (ref.startsWith("refs/heads/") && !ref.startsWith("refs/heads/aos/")) || ref.startsWith("refs/tags/");
}

/** The control plane of a proposal's head must hold, and its modules be such as a world admits. */
async function faultsOfWorld(store: ObjectStore, head: Oid): Promise<readonly string[]> {
  try {
    const files = filesOfCommit(store, head);
    const loaded = await loadWorld(files);
    requireControl(loaded, files.place);
    const modules = createModuleRunner();
    for (const artifact of loaded.artifacts.values()) await modules.add(artifact);
    return [];
  } catch (cause) {
    if (cause instanceof AosError) return [`it does not compile: ${cause.message}`];
    throw cause;
  }
}

/** What the remote has, as far as is known here. */
async function knownThere(repo: Repo, remote: string, lines: readonly PrePushLine[]): Promise<readonly string[]> {
  const tracked = /^[\w.-]+$/.test(remote) ? await fieldsOf(repo, ["for-each-ref", "--format=%(objectname)", `refs/remotes/${remote}/`]) : [];
  const told = lines.map(({ remoteOid }) => remoteOid).filter((oid) => !/^0+$/.test(oid));
  const checked = await fieldsOf(repo, ["cat-file", "--batch-check=%(objectname) %(objecttype)"], { stdin: `${[...new Set([...tracked, ...told])].join("\n")}\n` });
  return checked.flatMap((line) => (/ (?:commit|tag)$/.test(line) ? [line.slice(0, 40)] : []));
}

interface Search {
  readonly tips: readonly Oid[];
  readonly known: readonly string[];
}

/** Every version of every file that the push brings, and every message: a secret that a later commit removes is pushed too. */
async function secretsOf(repo: Repo, store: ObjectStore, { tips, known }: Search): Promise<readonly string[]> {
  const stdin = `${[...tips, ...known.map((oid) => `^${oid}`)].join("\n")}\n`;
  const commits = await fieldsOf(repo, ["rev-list", "--stdin"], { stdin });
  const objects = await fieldsOf(repo, ["rev-list", "--objects", "--filter=object:type=blob", "--stdin"], { stdin });
  const found: string[] = [];
  for (const oid of commits) {
    const { message } = await store.readCommit(parseOid(oid));
    found.push(...findSecrets(message, "text").map(({ line, what }) => `message of commit ${oid.slice(0, 12)}, line ${line}: ${what}`));
  }
  for (const { oid, path, size } of await blobsOf(repo, objects)) {
    if (size > SEARCHED_BYTES_MAX) continue;
    const bytes = Buffer.from(await store.readBlob(oid));
    const kind = bytes.includes(0) ? "binary" : "text";
    found.push(...findSecrets(bytes.toString(kind === "binary" ? "latin1" : "utf8"), kind).map(({ line, what }) => `${shownPath(path)}:${line}: ${what}`));
  }
  if (found.length === 0) return [];
  const more = found.length > FOUND_SHOWN ? [`and ${found.length - FOUND_SHOWN} more`] : [];
  return [...found.slice(0, FOUND_SHOWN), ...more, `take it out of every commit that is pushed (git rebase -i), and change it where it is used; where it is none, write ${ALLOW_SECRET} on that line or the one above`];
}

interface Blob {
  readonly oid: Oid;
  readonly path: string;
  readonly size: number;
}

async function blobsOf(repo: Repo, objects: readonly string[]): Promise<readonly Blob[]> {
  const paths = new Map(objects.filter((line) => line.length > 41).map((line) => [line.slice(0, 40), line.slice(41)]));
  if (paths.size === 0) return [];
  const { stdout } = await gitIn(repo, ["cat-file", "--batch-check=%(objecttype) %(objectsize) %(objectname)"], { stdin: `${[...paths.keys()].join("\n")}\n` });
  return stdout.toString("latin1").split("\n").flatMap((line) => {
    const [type, size, oid = ""] = line.split(" ");
    return type === "blob" ? [{ oid: parseOid(oid), path: paths.get(oid) ?? "", size: Number(size) }] : [];
  });
}

/** A name may hold a secret as well. */
function shownPath(path: string): string {
  return findSecrets(path, "text").length > 0 ? "(a file whose name looks like a secret)" : path;
}
