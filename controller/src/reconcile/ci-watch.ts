// Looks whether CI told the truth about open proposals, whenever a report came or a proposal moved.

import { stat } from "node:fs/promises";
import { ciFaults, hookReports } from "../forge/ci-faults.ts";
import { readShadowNote, SHADOW_REF } from "../forge/local-shadow.ts";
import { refView } from "../forge/open-local.ts";
import { readRules } from "../forge/rules.ts";
import { trustInput } from "../governance/signer.ts";
import { keyId } from "../governance/ssh-key.ts";
import type { Oid } from "../git/objects.ts";
import { readRef } from "../git/refs.ts";
import type { Parts } from "./controller.ts";
import type { Observed } from "./next-act.ts";

interface CiWatch {
  look(seen: Observed | undefined): Promise<void>;
  /** Sentences about what CI reported on a head that is not what was computed here. */
  readonly found: ReadonlyMap<Oid, readonly string[]>;
}

export function ciWatch({ options, store, log }: Pick<Parts, "options" | "store" | "log">): CiWatch {
  const { repo } = options;
  const local = { repo, store, refs: refView(repo.commonDir, new Map()) };
  const own = keyId(options.key.publicKey);
  let found: ReadonlyMap<Oid, readonly string[]> = new Map();
  let looked = "";

  async function faultsOf(base: Oid, { slug, head }: Observed["proposals"][number]): Promise<readonly string[]> {
    const { trust, trustHash } = await readRules(store, base);
    const { entries } = await readShadowNote(local, head);
    const computed = entries.findLast(({ key, claim }) => key === own && claim.base === base);
    if (computed === undefined) return [];
    return ciFaults(local, { world: options.trust, slug, base, head, tree: computed.claim.tree }, { trust: trustInput(trust, trustHash), entries });
  }

  return {
    get found() {
      return found;
    },
    async look(seen) {
      const { main, proposals } = seen ?? { main: undefined, proposals: [] };
      const files = await stat(hookReports(repo)).catch(() => undefined);
      const now = JSON.stringify([await readRef(repo.commonDir, SHADOW_REF), files?.mtimeMs, main, proposals.map(({ slug, head }) => [slug, head])]);
      if (main === undefined || now === looked) return;
      const next = new Map<Oid, readonly string[]>();
      for (const proposal of proposals) {
        const faults = proposal.shadowed ? await faultsOf(main, proposal) : [];
        if (faults.length === 0) continue;
        next.set(proposal.head, faults);
        for (const why of faults) if (found.get(proposal.head)?.includes(why) !== true) log("warn", "CI reported something else", { proposal: proposal.slug, head: proposal.head, why });
      }
      [found, looked] = [next, now];
    },
  };
}
