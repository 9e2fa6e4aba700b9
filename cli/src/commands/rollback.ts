// aos rollback: main's control plane of before, offered as a proposal like any other change.

import { AosError } from "@agentos/kernel";
import { connectWorld, isSlug, readRules } from "@agentos/controller";
import { command } from "../command.ts";
import { requireText } from "../describing.ts";
import { offerCommit, type Offered } from "../proposal-commit.ts";
import { rolledBackLines } from "../render/rollback.ts";
import { planRollback, rollbackMessage } from "../rollback.ts";
import { requirePrincipal } from "../signers.ts";
import { withUpstream } from "../upstream.ts";
import { personKey, worldRepo } from "../world.ts";

export default command({
  positionals: { commit: { type: "string", describe: "What main was at, such as main~2 [default: the last commit with another control plane than main's]" } },
  options: {
    proposal: { type: "string", requiresArg: true, describe: "The proposal's name [default: rollback- and the commit]" },
    message: { alias: "m", type: "string", requiresArg: true, describe: "Its title, and after an empty line what else is to be said" },
    replace: { type: "boolean", default: false, describe: "Put it in the place of the proposal of that name" },
    "dry-run": { type: "boolean", default: false, describe: "Say what would be offered, and offer nothing" },
  },
  epilogue:
    "The folders of AIR, of modules and their sources, of scenarios, and the sync map become what they were; .aos and all other files stay, and so do\nstate, journal and history. Code that stays and is another than it was is named: a source may read it.\n" +
    "It is in force once it is approved, merged and applied. The shadow run says which effects and cells it touches.\nWith --json: {slug, to, after, files: [{path, act}], stays, head, outcome, dryRun, remote}.",
  async run(cx, { commit, proposal, message, replace, "dry-run": dry }) {
    const repo = await worldRepo(cx);
    const said = message === undefined ? undefined : requireText(message);
    const done = await withUpstream(repo, { fetch: cx.out }, async (upstream) => {
      const { local: { store }, main, remote } = upstream;
      const plan = await planRollback(upstream, commit);
      const slug = proposal ?? `rollback-${plan.to.commit.slice(0, 12)}`;
      if (!isSlug(slug)) throw new AosError("proposal.name", `${slug === "" ? '""' : slug}: not a proposal's name`, { hint: "lower-case letters, digits and -, such as back-to-monday" });
      const { to, after, files, stays, changes } = plan;
      const told = { slug, to, after, files, stays, dryRun: dry, remote };
      if (dry) return told;
      const key = await personKey(cx, repo);
      const { name } = requirePrincipal((await readRules(store, main)).trust, key);
      const offered: Offered = await offerCommit(upstream, { slug, parents: [main], changes, message: rollbackMessage(plan, said), name, key, timeSeconds: Math.floor(Date.now() / 1000), replace, again: `aos rollback ${to.commit.slice(0, 12)} --proposal ${slug} --replace` });
      return { ...told, ...offered };
    });
    if (!dry && done.remote === undefined) await (await connectWorld(repo))?.ask("POST", "/nudge");
    cx.out.result(done, rolledBackLines(done, cx.out.style));
  },
});
