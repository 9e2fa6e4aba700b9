// Proposals that a plan makes: a signed branch under `proposals/agent/`, where they go the road of every other proposal.

import { AosError, fromUtf8, utf8, type ControlPlane, type GovernanceOffer, type GovernancePort, type RecordedReceipt, type World } from "@agentos/kernel";
import { PROPOSALS_PREFIX } from "../forge/local.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { editTree, type PathChange } from "../git/edit-tree.ts";
import { commitObject, parseOid, type Oid } from "../git/objects.ts";
import { casRef, readRef } from "../git/refs.ts";
import { mergeTree, type Repo } from "../git/repo.ts";
import type { ObjectStore } from "../git/store.ts";
import { filesOfCommit, readSyncMap } from "../world-source.ts";
import { rehearse, type Rehearsing } from "./rehearse.ts";

/** Brings a control plane into AIR texts, by path; an undefined text takes a file away. */
export type WriteBack = (
  texts: ReadonlyMap<string, string>,
  worlds: { readonly airDir: string; readonly base: ControlPlane; readonly next: ControlPlane },
) => ReadonlyMap<string, string | undefined>;

export interface Governing {
  readonly repo: Repo;
  readonly store: ObjectStore;
  /** Signs what plans propose, for the principal it belongs to. */
  readonly key: SigningKey;
  readonly principal: string;
  readonly writeBack: WriteBack;
  /** The world as it is durable, its receipts and control planes: asked for when a call runs. */
  readonly on: () => { readonly world: World; readonly recorded: readonly RecordedReceipt[]; readonly shelf: Rehearsing };
  readonly timeSeconds: () => number;
  /** Called when a branch was made, with its ref. */
  readonly onMoved: (ref: string) => void;
}

const TITLE_CHARS_MAX = 72;

/**
 * The port over a repository. A proposal's number is made of the intent that asked for it, so a call that is sent again finds its branch.
 *
 * @returns propose throws AosError `governance.unready` where no commit is in force; shadow `governance.unknown`, and `git.conflict` when it no longer merges
 */
export function governancePort(parts: Governing): GovernancePort {
  const { repo, store, principal } = parts;
  const refOf = (id: bigint): string => `${PROPOSALS_PREFIX}agent/${principal}/p${id}`;
  return {
    async propose(offer) {
      const proposalId = BigInt(`0x${offer.intent.slice("sha256:".length, "sha256:".length + 12)}`);
      const ref = refOf(proposalId);
      if ((await readRef(repo.commonDir, ref)) !== undefined) return { proposalId };
      const head = await commitOf(parts, offer);
      if ((await casRef(repo.commonDir, ref, null, head)) === "stale" && (await readRef(repo.commonDir, ref)) === undefined) {
        throw new AosError("governance.raced", `${ref}: somebody else moves it`, { class: "outside" });
      }
      parts.onMoved(ref);
      return { proposalId };
    },
    async shadow(proposalId) {
      const head = await readRef(repo.commonDir, refOf(proposalId));
      if (head === undefined) throw new AosError("governance.unknown", `${proposalId}: no proposal of ${principal} has this number`);
      const on = parts.on();
      const tree = await mergeTree(repo, inForce(on.world), head);
      const { report } = await rehearse(filesOfCommit(store, tree), { ...on, commit: head });
      return { report };
    },
  };
}

function inForce({ commit }: World): Oid {
  if (commit === undefined) throw new AosError("governance.unready", "no commit is in force yet");
  return parseOid(commit);
}

async function commitOf({ store, key, principal, writeBack, on, timeSeconds }: Governing, offer: GovernanceOffer): Promise<Oid> {
  const base = inForce(on().world);
  const files = filesOfCommit(store, base);
  const { airDir } = await readSyncMap(files);
  const texts = new Map<string, string>();
  for (const path of await files.list(airDir)) {
    const bytes = path.endsWith(".json") ? await files.read(path) : undefined;
    if (bytes !== undefined) texts.set(path, fromUtf8(bytes));
  }
  const changes = writeBack(texts, { airDir, base: offer.base, next: offer.next });
  const edits = [...changes].map(([path, text]): readonly [string, PathChange] => [path, text === undefined ? { kind: "remove" } : { kind: "write", bytes: utf8(text), mode: "100644" }]);
  const edited = await editTree(store, (await store.readCommit(base)).tree, new Map(edits));
  const identity = { name: principal, email: `${principal}@aos`, time: timeSeconds(), tz: "+0000" };
  const object = commitObject({ tree: edited.tree, parents: [base], author: identity, committer: identity, message: messageOf(offer) }, key);
  await (await store.writePack([...edited.objects, object])).release();
  return object.oid;
}

/** The plan's words are prose: no line of them can be read as a trailer. */
function messageOf({ description, intent }: GovernanceOffer): string {
  const said = (description ?? "").replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  const title = said === "" ? "Change the control plane" : [...said].slice(0, TITLE_CHARS_MAX).join("");
  return `${title}\n\nIntent: ${intent}\n`;
}
