// Would a server with our hooks take these commits as this proposal? Asked here by the server's own rule, before anything is made.

import { AosError } from "@agentos/kernel";
import { MAIN_REF, PROPOSALS_PREFIX, readRules, trustInput, type Oid } from "@agentos/controller";
import { judgeBranch } from "@agentos/hooks";
import { proposalRef, type Upstream } from "./upstream.ts";

/** @throws AosError `proposal.refused` with the first of what the server would say */
export async function requireTakeable({ local, main }: Upstream, { slug, head }: { readonly slug: string; readonly head: Oid }): Promise<void> {
  const { trust, trustHash } = await readRules(local.store, main);
  // What is there already, as far as is known here: the branch at hand is not.
  const before = { read: local.refs.read, list: async () => new Map([...(await local.refs.list(PROPOSALS_PREFIX)), [MAIN_REF, main] as const]) };
  const [fault] = await judgeBranch({ local, before, begun: true }, { ref: proposalRef(slug), from: null, to: head }, [trustInput(trust, trustHash)]);
  if (fault === undefined) return;
  throw new AosError("proposal.refused", `${slug}: ${fault}`, { hint: "no server with our hooks would take it: choose another name, or change the commits; docs/hooks.md says what is taken" });
}
