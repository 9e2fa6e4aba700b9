// Proposals that a plan makes: a signed branch under `proposals/agent/`, where they go the road of every other proposal.

import { AosError, fromUtf8, utf8, type ControlPlane, type GovernanceOffer, type GovernancePort, type World } from "@agentos/kernel";
import { PROPOSALS_PREFIX } from "../forge/local.ts";
import type { SigningKey } from "../git/ed25519.ts";
import { editTree, type PathChange } from "../git/edit-tree.ts";
import { commitObject, parseOid, type Oid } from "../git/objects.ts";
import { casRef, readRef } from "../git/refs.ts";
import { mergeTree, type Repo } from "../git/repo.ts";
import { readRules } from "../forge/rules.ts";
import { principalOfKey } from "../governance/trust.ts";
import type { ObjectStore } from "../git/store.ts";
import { filesOfCommit, readSyncMap } from "../world-files.ts";
import { rehearse, type RehearsedOn, type Rehearsing } from "./rehearse.ts";

/** Brings a control plane into AIR texts, by path; an undefined text takes a file away. */
export type WriteBack = (
  texts: ReadonlyMap<string, string>,
  worlds: { readonly airDir: string; readonly base: ControlPlane; readonly next: ControlPlane },
) => ReadonlyMap<string, string | undefined>;

interface Governing {
  readonly repo: Repo;
  readonly store: ObjectStore;
  /** The controller's. */
  readonly key: SigningKey;
  readonly principal: string;
  /** The key of the agent whose mind the plans are. It signs what they propose where the trust file in force knows it as an agent's. */
  readonly agent: SigningKey | undefined;
  readonly writeBack: WriteBack;
  /** The world as it is durable, its receipts and control planes: asked for when a call runs. */
  readonly on: () => { readonly world: World; readonly recorded: RehearsedOn["recorded"]; readonly shelf: Rehearsing };
  readonly timeSeconds: () => number;
  /** Called before a branch is made. */
  readonly beforeMove?: (ref: string, head: Oid) => Promise<void>;
  /** Called when a branch was made, with its ref, and who signed it. */
  readonly onMoved: (ref: string, signer: Signer) => void;
}

/** In whose name a proposal of a plan stands. */
interface Signer {
  readonly key: SigningKey;
  readonly principal: string;
  readonly kind: "agent" | "controller";
}

const TITLE_CHARS_MAX = 72;

/**
 * The port over a repository. A proposal's number is made of the intent that asked for it, so a call that is sent again finds its branch.
 *
 * @returns propose throws AosError `governance.unready` where no commit is in force; shadow `governance.unknown`, and `git.conflict` when it no longer merges
 */
export function governancePort(parts: Governing): GovernancePort {
  const { repo, store } = parts;
  return {
    async propose(offer) {
      const base = inForce(parts.on().world);
      const signers = await signersOf(parts, base);
      const proposalId = BigInt(`0x${offer.intent.slice("sha256:".length, "sha256:".length + 12)}`);
      if ((await find(repo, signers, proposalId)) !== undefined) return { proposalId };
      const [signer] = signers;
      const ref = refOf(signer, proposalId);
      const head = await commitOf(parts, { offer, base, signer });
      await parts.beforeMove?.(ref, head);
      if ((await casRef(repo.commonDir, ref, null, head)) === "stale" && (await readRef(repo.commonDir, ref)) === undefined) {
        throw new AosError("governance.raced", `${ref}: somebody else moves it`, { class: "outside" });
      }
      parts.onMoved(ref, signer);
      return { proposalId };
    },
    async shadow(proposalId) {
      const on = parts.on();
      const base = inForce(on.world);
      const head = await find(repo, await signersOf(parts, base), proposalId);
      if (head === undefined) throw new AosError("governance.unknown", `${proposalId}: no proposal of this world's plans has this number`);
      const tree = await mergeTree(repo, base, head);
      const { report } = await rehearse(filesOfCommit(store, tree), { ...on, commit: head });
      return { report };
    },
  };
}

function refOf({ principal }: Signer, id: bigint): string {
  return `${PROPOSALS_PREFIX}agent/${principal}/p${id}`;
}

/** Whose names proposals of plans may stand in, by the trust file in force; the first signs the next one. */
async function signersOf({ store, key, principal, agent }: Governing, base: Oid): Promise<readonly [Signer, ...Signer[]]> {
  const own: Signer = { key, principal, kind: "controller" };
  if (agent === undefined) return [own];
  const found = principalOfKey((await readRules(store, base)).trust, agent.publicKey);
  return found?.kind === "agent" ? [{ key: agent, principal: found.name, kind: "agent" }, own] : [own];
}

async function find(repo: Repo, signers: readonly Signer[], id: bigint): Promise<Oid | undefined> {
  for (const signer of signers) {
    const head = await readRef(repo.commonDir, refOf(signer, id));
    if (head !== undefined) return head;
  }
  return undefined;
}

function inForce({ commit }: World): Oid {
  if (commit === undefined) throw new AosError("governance.unready", "no commit is in force yet");
  return parseOid(commit);
}

interface Proposing {
  readonly offer: GovernanceOffer;
  readonly base: Oid;
  readonly signer: Signer;
}

async function commitOf({ store, writeBack, timeSeconds }: Governing, { offer, base, signer }: Proposing): Promise<Oid> {
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
  const identity = { name: signer.principal, email: `${signer.principal}@aos`, time: timeSeconds(), tz: "+0000" };
  const object = commitObject({ tree: edited.tree, parents: [base], author: identity, committer: identity, message: messageOf(offer, signer) }, signer.key);
  await (await store.writePack([...edited.objects, object])).release();
  return object.oid;
}

/** The plan's words are prose: no line of them can be read as a trailer. */
function messageOf({ description, intent }: GovernanceOffer, { kind }: Signer): string {
  const said = (description ?? "").replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  const title = said === "" ? "Change the control plane" : [...said].slice(0, TITLE_CHARS_MAX).join("");
  const by = kind === "agent" ? "the agent" : "the controller, which has no key of an agent in the trust file";
  return `${title}\n\nIntent: ${intent}\nSigned-for: a plan, by ${by}\n`;
}
