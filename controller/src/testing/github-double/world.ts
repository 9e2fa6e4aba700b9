// The governed world of the tests, on GitHub: the same people, with accounts there.

import { atEnd, type AtEnd } from "../at-end.ts";
import { githubApi, type GithubApi } from "../../forge/github/api.ts";
import { githubClient, type ClientOptions, type GithubAuth } from "../../forge/github/client.ts";
import { githubForge, type GithubForge } from "../../forge/github/github.ts";
import type { Decision } from "../../governance/decision.ts";
import type { Oid } from "../../git/objects.ts";
import { gatherDecision } from "../../forge/gather.ts";
import { sshsigSign } from "../../git/sshsig.ts";
import { SHADOW_NAMESPACE, shadowClaimBytes } from "../../governance/shadow-claim.ts";
import { keyId } from "../../governance/ssh-key.ts";
import type { Brings } from "../brings.ts";
import { governedWorld, keyNamed, trustText, type GovernedWorld } from "../governed-world.ts";
import { ALL_GRANTS, githubDouble, type GithubDouble } from "./double.ts";
import type { Actor } from "./state.ts";

const user = (id: number, login: string): Actor => ({ id, login, type: "User" });
/** Accounts: of the principals by name, and of nobody here. */
export const ACCOUNTS = { author: user(101, "ann"), reviewer: user(102, "rea"), second: user(103, "sam"), helper: user(104, "helping-hand"), outsider: user(666, "passer-by"), bot: { id: 105, login: "robot[bot]", type: "Bot" } } as const satisfies Readonly<Record<string, Actor>>;

/** The trust file with the accounts in it; `change` as of trustText. */
export function githubTrust(change: Readonly<Record<string, unknown>> = {}): string {
  const trust = JSON.parse(trustText()) as { readonly principals: Readonly<Record<string, object>> };
  const principals = Object.fromEntries(Object.entries(trust.principals).map(([name, principal]) => [name, { ...principal, ...(Object.hasOwn(ACCOUNTS, name) && { github: ACCOUNTS[name as keyof typeof ACCOUNTS].id }) }]));
  return trustText({ principals, ...change });
}

export interface GithubWorld {
  readonly world: GovernedWorld;
  readonly double: GithubDouble;
  readonly api: GithubApi;
  readonly forge: GithubForge;
  /** What a proposal brings where it is foreseen behind others in the queue; nothing unless said. */
  readonly foreseen: Map<Oid, Brings>;
  /** The signed proposal `slug` as an open pull request with a report that was posted. @returns its number */
  open(slug: string, options?: { readonly reported?: false }): Promise<number>;
  /** Looks, writes reviews down, posts: what a controller does between two nudges. @returns sentences about what does not count */
  round(): Promise<ReadonlyMap<string, readonly string[]>>;
  decision(slug: string): Promise<Decision>;
}

/** @param options.auth - by default the App */
export async function githubWorld(t: AtEnd, options: { readonly auth?: "app" | "token"; readonly trust?: string; readonly policy?: string } = {}): Promise<GithubWorld> {
  const world = await governedWorld(t, { trust: options.trust ?? githubTrust(), ...(options.policy !== undefined && { policy: options.policy }) });
  const double = await githubDouble(world.folder);
  atEnd(t, () => double.close());
  const { app } = double.state;
  const auth: GithubAuth =
    options.auth === "token"
      ? { kind: "token", token: double.token({ kind: "personal", actor: ACCOUNTS.bot, grants: ALL_GRANTS }) }
      : { kind: "app", appId: app.id, privateKey: app.privateKey };
  const api = apiOf(double, auth);
  const foreseen = new Map<Oid, Brings>();
  const forge = githubForge({
    local: world.local, api, key: keyNamed("ctl"), principal: "ctl", world: world.world,
    async foresee({ base, head }) {
      const { claim: said, report } = await world.claimed(head, { base, brings: foreseen.get(head) ?? {} });
      const claim = { v: 1, ...said } as const;
      return { claim, report, sig: sshsigSign(keyNamed("ctl"), SHADOW_NAMESPACE, shadowClaimBytes(claim)), key: keyId(keyNamed("ctl").publicKey), lines: "" };
    },
  });
  const here: GithubWorld = {
    world, double, api, forge, foreseen,
    async open(slug, { reported } = {}) {
      const head = await world.propose(slug, { [`air/${slug}.txt`]: `${slug}\n` }, { by: "author" });
      if (reported !== false) await world.report(head, { by: "ctl" });
      double.tick();
      const number = double.openPull({ ref: `proposals/${slug}`, sha: head, by: ACCOUNTS.author });
      await here.round();
      double.tick();
      return number;
    },
    async round() {
      await forge.look();
      const { faults } = await forge.witness();
      await forge.post();
      return faults;
    },
    async decision(slug) {
      const head: Oid = await world.head(slug);
      return (await gatherDecision(world.local, { base: await world.main(), head, slug, world: world.world })).decision;
    },
  };
  return here;
}

export function apiOf({ baseUrl, state }: GithubDouble, auth: GithubAuth, change: Partial<Omit<ClientOptions, "auth" | "place">> = {}): GithubApi {
  return githubApi(githubClient({ auth, place: { owner: state.owner, name: state.name, baseUrl }, ...change }));
}
