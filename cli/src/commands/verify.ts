// aos verify: a clone, and one hash, give the verdict.

import { AosError, createModuleRunner, isHash } from "@agentos/kernel";
import { MAIN_REF, NOTES_REF, readPinnedTrust, readRef, verifyRepository, type Repo } from "@agentos/controller";
import { command } from "../command.ts";
import { withProgress } from "../progress.ts";
import { problemText, verifyLines } from "../render/verify.ts";
import { placeOf, worldRepo } from "../world.ts";

const REMOTE_MAIN = "refs/remotes/origin/main";

export default command({
  positionals: {},
  options: {
    replay: { type: "boolean", default: false, describe: "Replay every event and compare every record and state root" },
    trust: { type: "string", requiresArg: true, describe: "sha256:… of the genesis trust file [default: git config aos.trust]" },
  },
  epilogue: "Exit code 4 when anything does not hold; the first failures are named by seq, commit and file.",
  async run(cx, { replay, trust }) {
    const repo = await worldRepo(cx);
    if (trust !== undefined && !isHash(trust)) throw new AosError("cli.trust", `--trust ${trust}: expected sha256: and 64 hex digits`, { hint: "`aos init` printed it; it is the SHA-256 of the first .aos/trust.json" });
    const pinned = trust ?? (await readPinnedTrust(repo));
    if (pinned === undefined) {
      throw new AosError("trust.unpinned", `${placeOf(repo)}: what to trust is not pinned`, { hint: "ask somebody you trust for the genesis trust hash, then --trust sha256:… or git config aos.trust sha256:…" });
    }
    await requirePublished(repo);
    // What the remote has is what is published; a clone's own main may be behind it, or ahead.
    const mainRef = (await readRef(repo.commonDir, REMOTE_MAIN)) === undefined ? MAIN_REF : REMOTE_MAIN;
    const report = await withProgress(cx.out, "verifying", () => verifyRepository({ repo, trust: pinned, modules: replay ? createModuleRunner() : undefined, mainRef }));
    cx.out.result(report, verifyLines(report, cx.out.style));
    const [first] = report.problems;
    if (report.ok) return;
    const message = first === undefined ? `${placeOf(repo)}: it does not verify` : problemText(first);
    throw new AosError(first?.code ?? "verify.failed", message, {
      class: "unverified", ...(first?.seq === undefined ? {} : { at: { seq: first.seq } }),
      ...(first?.code === "world.other" ? { hint: "is this the trust hash of this world? git config aos.trust says which is pinned" } : {}),
    });
  },
});

async function requirePublished(repo: Repo): Promise<void> {
  if ((await readRef(repo.commonDir, NOTES_REF)) !== undefined) return;
  throw new AosError("verify.nothing", `${placeOf(repo)}: there is no ${NOTES_REF}, so nothing is published here`, { hint: "a plain clone leaves notes out: git fetch origin 'refs/notes/*:refs/notes/*'" });
}
