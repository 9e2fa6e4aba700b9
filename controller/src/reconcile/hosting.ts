// A world's place on a hosting service: what it adds to a look at the repository, and what is said there afterwards. Trouble with
// the service delays what it says and never what the world does.

import { AosError, type Hash } from "@agentos/kernel";
import type { Local } from "../forge/forge.ts";
import { githubApi } from "../forge/github/api.ts";
import type { GithubAuth, GithubClient, GithubPlace, Standing } from "../forge/github/client.ts";
import type { GitAccess } from "../forge/github/git-access.ts";
import { githubForge, type GithubForge } from "../forge/github/github.ts";
import type { Witness } from "../forge/github/witness.ts";
import { listenForWebhooks, type WebhookPlace, type Webhooks } from "../forge/github/webhook.ts";
import type { SigningKey } from "../git/ed25519.ts";
import type { Oid } from "../git/objects.ts";
import type { Log } from "./log.ts";

export interface GithubOptions {
  readonly auth: GithubAuth;
  readonly place: GithubPlace;
  /** Where GitHub's webhooks arrive, if they can; polling goes on in any case. */
  readonly webhook?: WebhookPlace;
  /** `when-approved`: the controller has GitHub merge what is approved. By default people merge. */
  readonly merge?: "by-people" | "when-approved";
}
export interface Hosting {
  /** Looks which proposals the service has; what to fetch for them. */
  refspecs(): Promise<readonly string[]>;
  /** Takes over the reviews that were given there, into notes of this repository. */
  witness(): Promise<void>;
  /** Says what is decided and what came of it. @param now.held - commits that are held back, and why */
  post(now: { readonly applied: Oid | undefined; readonly held: ReadonlyMap<Oid, string> }): Promise<void>;
  start(nudge: () => void): Promise<void>;
  stop(): Promise<void>;
  status(): HostingStatus;
}
/** How it stands with the service. */
export interface HostingStatus extends Standing {
  readonly place: string;
  /** The last error, and since when there has been no round without one; milliseconds since 1970. */
  readonly trouble: { readonly what: string; readonly code: string; readonly message: string; readonly sinceMs: number } | undefined;
}
interface Here extends Pick<Witness, "foresee"> {
  readonly client: GithubClient;
  readonly access: GitAccess;
  readonly local: Local;
  readonly key: SigningKey;
  readonly principal: string;
  readonly world: Hash;
  readonly log: Log;
}

export function openHosting(options: GithubOptions, here: Here): Hosting {
  const { log } = here;
  const forge = githubForge({ ...here, api: githubApi(here.client) });
  let refspecs: readonly string[] = [];
  let webhooks: Webhooks | undefined;
  let trouble: HostingStatus["trouble"];
  let looked = false;
  let told = "";

  /** What the service refuses or does not answer is logged once and tried again at the next look. */
  async function attempt(what: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (!(error instanceof AosError)) throw error;
      // How long it is to wait is said anew each time.
      const again = trouble?.code === error.code && (error.code === "github.limited" || trouble.message === error.message);
      if (!again) log("warn", `GitHub: ${what} failed`, { code: error.code, problem: error.message });
      trouble = { what, code: error.code, message: error.message, sinceMs: trouble?.sinceMs ?? Date.now() };
      looked = false;
    }
  }

  return {
    async refspecs() {
      looked = true;
      await attempt("looking", async () => {
        await here.access.refresh();
        refspecs = await forge.look();
      });
      return refspecs;
    },
    async witness() {
      if (!looked) return;
      await attempt("reading reviews", async () => {
        const { written, faults } = await forge.witness();
        if (written > 0) log("info", "reviews of GitHub written down", { count: written });
        const now = JSON.stringify([...faults]);
        if (faults.size > 0 && now !== told) log("info", "reviews of GitHub that cannot count", { faults: [...faults].map(([slug, why]) => `${slug}: ${why.join("; ")}`) });
        told = now;
      });
    },
    async post({ applied, held }) {
      if (!looked) return;
      await attempt("posting", async () => {
        const approved = await forge.post();
        if (applied !== undefined) await forge.postApplied(applied, { state: "success", text: "in force" });
        for (const [commit, why] of held) await forge.postApplied(commit, { state: "failure", text: `held: ${why}` });
        if (options.merge === "when-approved") await mergeApproved(forge, approved, log);
        trouble = undefined;
      });
    },
    async start(nudge) {
      if (options.webhook === undefined) return;
      webhooks = await listenForWebhooks(options.webhook, nudge);
      log("info", "listening for webhooks", { port: webhooks.port });
    },
    stop: async () => webhooks?.close(),
    status: () => ({ place: `${options.place.owner}/${options.place.name}`, trouble, ...here.client.standing() }),
  };
}

/** One at a time: each merge moves main, and what was approved is judged on it anew. */
async function mergeApproved(forge: GithubForge, approved: readonly string[], log: Log): Promise<void> {
  const [slug] = approved;
  if (slug === undefined) return;
  const commit = await forge.merge(slug);
  log("info", "merged on GitHub", { proposal: slug, commit });
}
