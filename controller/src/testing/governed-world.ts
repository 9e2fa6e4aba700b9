// A small governed world in a temporary repository: principals with keys, proposals, reviews and reports, all really signed.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, hashValue, jsonOf, utf8 } from "@agentos/kernel";
import type { Hash, Json } from "@agentos/kernel";
import { atEnd, type AtEnd } from "./at-end.ts";
import type { Local } from "../forge/forge.ts";
import { gatherDecision } from "../forge/gather.ts";
import { MAIN_REF, PROPOSALS_PREFIX } from "../forge/local.ts";
import { writeReview } from "../forge/local-reviews.ts";
import { writeShadowNote } from "../forge/local-shadow.ts";
import { mergeCommit } from "../forge/merge.ts";
import { refView } from "../forge/open-local.ts";
import { bareRepo } from "../git/bare-repo.ts";
import { signingKey } from "../git/ed25519.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { editTree } from "../git/edit-tree.ts";
import type { PathChange } from "../git/edit-tree.ts";
import { publicKeyLine } from "../git/keys.ts";
import { commitObject } from "../git/objects.ts";
import type { Oid } from "../git/objects.ts";
import { casRef } from "../git/refs.ts";
import { mergeTree } from "../git/repo.ts";
import { openStore } from "../git/store.ts";
import { straightLine } from "../git/straight-line.ts";
import type { ShadowClaim } from "../governance/decision.ts";
import { policyHash } from "../governance/policy.ts";
import { readRules } from "../forge/rules.ts";
import type { Review, ReviewVerdict } from "../governance/review.ts";
import type { PrincipalKind } from "../governance/trust.ts";
import { trustHash } from "../governance/trust.ts";
import { reportOf, type Brings } from "./brings.ts";

/** Keys by name. Those of no principal here belong to nobody. */
const SEEDS = ["author", "reviewer", "reviewer-laptop", "second", "helper", "runner", "ctl", "stranger", "ctl-next"] as const;
export type KeyName = (typeof SEEDS)[number];

const keys = new Map<KeyName, SigningKey>();

/** The same key in every run. */
export function keyNamed(name: KeyName): SigningKey {
  const key = keys.get(name) ?? signingKey(new Uint8Array(32).fill(100 + SEEDS.indexOf(name)), name);
  keys.set(name, key);
  return key;
}

/** A line of a trust file. */
export function keyLine(name: KeyName): string {
  return publicKeyLine(keyNamed(name));
}

const PRINCIPALS: Readonly<Record<string, { readonly kind: PrincipalKind; readonly keys: readonly KeyName[] }>> = {
  author: { kind: "person", keys: ["author"] },
  reviewer: { kind: "person", keys: ["reviewer", "reviewer-laptop"] },
  second: { kind: "person", keys: ["second"] },
  helper: { kind: "agent", keys: ["helper"] },
  runner: { kind: "ci", keys: ["runner"] },
  ctl: { kind: "controller", keys: ["ctl"] },
};

/** The principal whose key it is by name; a key of nobody is called as itself. */
export function principalNamed(key: KeyName): string {
  return Object.entries(PRINCIPALS).find(([, { keys }]) => keys.includes(key))?.[0] ?? key;
}

/** The text of a trust file of author, reviewer, second (persons), helper (agent), runner (CI) and ctl (controller). */
export function trustText(change: Readonly<Record<string, unknown>> = {}): string {
  const principals = Object.fromEntries(Object.entries(PRINCIPALS).map(([name, { kind, keys }]) => [name, { kind, keys: keys.map(keyLine) }]));
  return `${JSON.stringify({ version: 1, world: "demo", id: "0".repeat(32), principals, ...change }, undefined, 2)}\n`;
}

export type FileChanges = Readonly<Record<string, string | null>>;

export interface GovernedWorld {
  readonly folder: string;
  readonly local: Local;
  readonly world: Hash;
  /** The first commit of main: trust file, policy file if one was asked for, and `air/a.txt`. */
  readonly genesis: Oid;
  main(): Promise<Oid>;
  /** Seconds: greater with every call. */
  tick(): number;
  /** Writes a commit: the first parent's tree with changes. No ref moves. `by: null` leaves it unsigned. */
  commit(options: { readonly parents: readonly Oid[]; readonly files: FileChanges; readonly by: KeyName | null; readonly message?: string; readonly tree?: Oid; readonly timeSeconds?: number }): Promise<Oid>;
  setRef(ref: string, oid: Oid): Promise<void>;
  /** A commit on `from` (by default main) that becomes the head of the proposal. */
  propose(slug: string, files: FileChanges, options: { readonly by: KeyName | null; readonly from?: Oid }): Promise<Oid>;
  /** A report on the merge of a head into main: a whole one of what it brings, else a stub whose consequences go by a name. */
  report(head: Oid, options: { readonly by: KeyName; readonly consequences?: string; readonly brings?: Brings; readonly claim?: Partial<ShadowClaim> }): Promise<void>;
  /** What report() writes down, on a merge into any commit. */
  claimed(head: Oid, options: { readonly base: Oid; readonly consequences?: string; readonly brings?: Brings; readonly claim?: Partial<ShadowClaim> }): Promise<{ readonly claim: Omit<ShadowClaim, "v">; readonly report: Json }>;
  /** A review bound to what a decision on the proposal would bind to now. */
  review(slug: string, verdict: ReviewVerdict, options: { readonly by: KeyName; readonly head?: Oid; readonly change?: Partial<Review> }): Promise<void>;
  head(slug: string): Promise<Oid>;
  /** Merges an approved proposal; main moves. */
  merge(slug: string, options: { readonly by: KeyName }): Promise<Oid>;
}

const T0 = 1_700_000_000;

/** @param options.policy - the text of a policy file; by default there is none */
export async function governedWorld(t: AtEnd, options: { readonly policy?: string; readonly trust?: string } = {}): Promise<GovernedWorld> {
  const folder = await mkdtemp(join(tmpdir(), "aos-world-"));
  atEnd(t, () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  const repo = await bareRepo(folder);
  const store = openStore(repo.gitDir);
  atEnd(t, () => store.close());
  const refs = refView(repo.gitDir, new Map());
  const local: Local = { repo, store, refs };
  let seconds = T0;
  const tick = (): number => ++seconds;

  const refAt = async (ref: string): Promise<Oid> => {
    const found = await refs.read(ref);
    assert(found !== undefined, `${ref} exists`);
    return found;
  };
  const setRef: GovernedWorld["setRef"] = async (ref, oid) => assert((await casRef(repo.gitDir, ref, (await refs.read(ref)) ?? null, oid)) === "updated", `${ref} moves`);
  const commit: GovernedWorld["commit"] = async ({ parents, files, by, message, tree, timeSeconds }) => {
    const first = parents[0] === undefined ? null : (await store.readCommit(parents[0])).tree;
    const edited = await editTree(store, first, new Map(Object.entries(files).map(([path, content]) => [path, fileChange(content)])));
    const name = by === null ? "nobody" : principalNamed(by);
    const identity = { name, email: `${name}@aos`, time: timeSeconds ?? tick(), tz: "+0000" };
    const content = { tree: tree ?? edited.tree, parents, author: identity, committer: identity, message: message ?? "change\n" };
    const object = commitObject(content, by === null ? undefined : keyNamed(by));
    await (await store.writePack([...edited.objects, object])).release();
    return object.oid;
  };

  const trust = options.trust ?? trustText();
  const rules = { ".aos/trust.json": trust, ...(options.policy !== undefined && { ".aos/policy.json": options.policy }) };
  const genesis = await commit({ parents: [], files: { ...rules, "air/a.txt": "a\n" }, by: "author", message: "genesis\n" });
  await setRef(MAIN_REF, genesis);
  const world = trustHash(utf8(trust));

  const governed: GovernedWorld = {
    folder,
    local,
    world,
    genesis,
    tick,
    commit,
    setRef,
    main: () => refAt(MAIN_REF),
    head: (slug) => refAt(PROPOSALS_PREFIX + slug),
    async propose(slug, files, { by, from }) {
      const head = await commit({ parents: [from ?? (await governed.main())], files, by, message: `Propose ${slug}\n` });
      await setRef(PROPOSALS_PREFIX + slug, head);
      return head;
    },
    async claimed(head, { base, consequences, brings, claim }) {
      const { policy } = await readRules(store, base);
      const stub = { report: jsonOf({ definitions: [], note: consequences ?? "none" }), consequences: hashValue(consequences ?? "none") };
      const { report, consequences: brought } = brings === undefined ? stub : reportOf(brings);
      const tree = (await straightLine(store, base, head))?.tree ?? (await mergeTree(repo, base, head));
      const said = { world, head, base, tree, policy: policyHash(policy), manifest: hashValue("manifest"), consequences: brought, report: hashValue(report) };
      return { claim: { ...said, ...claim }, report };
    },
    async report(head, { by, ...options }) {
      const said = await governed.claimed(head, { ...options, base: await governed.main() });
      await writeShadowNote(local, { summary: "## Shadow run\n\nNothing changes.", ...said }, { key: keyNamed(by), principal: principalNamed(by), timeSeconds: tick() });
    },
    async review(slug, verdict, { by, head, change }) {
      const seen = head ?? (await governed.head(slug));
      const { decision } = await gatherDecision(local, { base: await governed.main(), head: seen, slug, world });
      const draft = { world, proposal: slug, head: seen, verdict, cid: decision.cid ?? world, message: "", ...change };
      await writeReview(local, draft, { key: keyNamed(by), principal: principalNamed(by), timeSeconds: tick() });
    },
    async merge(slug, { by }) {
      const answer = await gatherDecision(local, { base: await governed.main(), head: await governed.head(slug), slug, world });
      const { commit: merged, release } = await mergeCommit(local, answer, { title: `Propose ${slug}`, key: keyNamed(by), principal: principalNamed(by), timeSeconds: tick() });
      await setRef(MAIN_REF, merged);
      await release();
      return merged;
    },
  };
  return governed;
}

function fileChange(content: string | null): PathChange {
  return content === null ? { kind: "remove" } : { kind: "write", bytes: utf8(content), mode: "100644" };
}
