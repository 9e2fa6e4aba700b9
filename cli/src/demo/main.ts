// The whole loop once, for a newcomer: real repositories, real keys, real HTTP, narrated one step a paragraph.

import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { AosError } from "@agentos/kernel";
import { Keeper } from "./keeper.ts";
import { outsideWorld } from "./outside.ts";
import { aos, exampleFolder, git, run, type Ran } from "./processes.ts";
import { tamperWithReceipt } from "./tamper.ts";
import { heading, note, say, shows } from "./tell.ts";

interface DemoOptions {
  /** Where everything is made; undefined: a temporary folder that is removed at the end. */
  readonly keep: string | undefined;
  /** How often the controller is killed (-9) at random moments, and the seed of those moments. */
  readonly kills: number;
  readonly seed: number;
}

async function demo(options: DemoOptions): Promise<void> {
  const started = Date.now();
  const base = options.keep === undefined ? await mkdtemp(join(tmpdir(), "aos-demo-")) : resolve(options.keep);
  await mkdir(base, { recursive: true });
  if ((await readdir(base)).length > 0) throw new AosError("demo.folder", `${base}: not empty`, { hint: "choose another folder for --keep" });
  const outside = await outsideWorld();
  const keeper = new Keeper(options);
  try {
    say(`Everything happens in ${base}${options.keep === undefined ? " (removed at the end; --keep DIR keeps it)" : ""}.`);
    await loop(base, outside, keeper);
    say(`\nDone in ${((Date.now() - started) / 1000).toFixed(1)} s${options.kills > 0 ? `; the controller was killed ${keeper.killed} times` : ""}.`);
    if (options.keep !== undefined) say(`Look around: cd ${join(base, "author")} && git log --graph --all --oneline`);
  } finally {
    await keeper.stop();
    await outside.close();
    if (options.keep === undefined) await rm(base, { recursive: true, force: true });
  }
}

type Outside = Awaited<ReturnType<typeof outsideWorld>>;
interface Scene {
  readonly base: string;
  readonly remote: string;
  readonly author: string;
  readonly reviewer: string;
  readonly trust: string;
  readonly outside: Outside;
  readonly keeper: Keeper;
}

async function loop(base: string, outside: Outside, keeper: Keeper): Promise<void> {
  const scene = await makeWorld(base, outside, keeper);
  await firstEvent(scene);
  const head = await proposeUpgrade(scene);
  await review(scene, head);
  await mergeAndApply(scene);
  await secondEvent(scene);
  await audit(scene);
}

/** 1. A remote, an author's clone, a reviewer's key, a controller with its own clone and key. */
async function makeWorld(base: string, outside: Outside, keeper: Keeper): Promise<Scene> {
  heading("A world is a Git repository");
  const [remote, author, reviewer] = [join(base, "remote.git"), join(base, "author"), join(base, "reviewer")];
  await aos(base, "keys", "new", "reviewer", "--out", join(base, "reviewer-key"));
  await aos(base, "init", author, "--template", "empty", "--name", "safe-upgrade", "--person", `reviewer=${join(base, "reviewer-key.pub")}`);
  for (const folder of ["air", "reducer", "shadow", "aos.sync.json"]) await cp(join(exampleFolder("06-safe-upgrade"), folder), join(author, folder), { recursive: true });
  await aos(author, "build");
  await aos(author, "check");
  await git(author, "add", "--all");
  await git(author, "commit", "--quiet", "--message", "The world of rung 06: one reducer, one plan that calls HTTP");
  await run("git", ["init", "--quiet", "--bare", "--initial-branch=main", remote], base);
  await aos(base, "hooks", "install", "--server", remote);
  await git(author, "remote", "add", "origin", remote);
  await git(author, "push", "--quiet", "origin", "main");
  await run("git", ["clone", "--quiet", "-c", "remote.origin.fetch=+refs/notes/*:refs/notes/*", remote, reviewer], base);
  const trust = await git(author, "config", "aos.trust");
  const main = await git(author, "rev-parse", "main");
  note(`The author made a world and pushed its first commits to ${remote}; main is ${short(main)}. Whoever knows the hash of its trust file, ${trust.slice(0, 19)}…, can check all that follows.`);
  shows(author, "git log --show-signature --oneline main");

  await keeper.start({ remote, dir: join(base, "controller"), key: join(author, ".git", "aos", "keys", "controller"), trust });
  const status = await keeper.until("the world is ready", ({ ready }) => ready.status === "True");
  note(`A controller with its own clone and key verified main and put it in force: manifest ${status.manifest?.slice(0, 19)}….`);
  shows(author, `git -C ${join(base, "controller")} log -1 refs/notes/aos`);
  return { base, remote, author, reviewer, trust, outside, keeper };
}

/** 2. An event makes the plan call the HTTP server; the signed receipt is journaled. */
async function firstEvent(scene: Scene): Promise<void> {
  heading("An event, an effect, a signed receipt");
  const before = scene.outside.requests.length;
  await scene.keeper.send("demo/SafeUpgradeEvent@1", { $tag: "Start", $value: { url: scene.outside.url } });
  await scene.keeper.settled();
  const receipts = await scene.keeper.records("receipt");
  note(`The plan asked the outside world: ${told(scene.outside, before)}. The answer came back as record ${receipts.at(-1)?.seq}, signed by the controller's key, status ${String(receipts.at(-1)?.["status"])}.`);
  await scene.keeper.published();
  shows(scene.author, `git -C ${scene.remote} log --format=%B -1 refs/notes/aos`);
  const state = await aos(join(scene.base, "controller"), "state", "get", "demo/SafeUpgrade@1", "--world", join(scene.base, "controller"));
  say(indent(state.stdout));
}

/** 3. Version 2 of the plan on a branch; the controller rehearses it on the recorded state. */
async function proposeUpgrade(scene: Scene): Promise<string> {
  heading("A change is a proposal, and its rehearsal says what it would do");
  const { author } = scene;
  await git(author, "switch", "--quiet", "--create", "follow-up");
  const upgrade = join(exampleFolder("06-safe-upgrade"), "upgrade");
  for (const file of await readdir(upgrade)) await cp(join(upgrade, file), join(author, "air", file));
  await rm(join(author, "air", "fetch-plan-1.air.json"));
  await aos(author, "check");
  await git(author, "add", "--all");
  await git(author, "commit", "--quiet", "--message", "Fetch a follow-up too");
  await aos(author, "propose", "follow-up");
  const head = await git(author, "rev-parse", "HEAD");
  await scene.keeper.until("the proposal is shadowed", ({ proposals }) => proposals.some((proposal) => proposal.head === head && proposal.shadow === "done"));
  await scene.keeper.pushed("refs/notes/aos-shadow");
  note(`The author changed the plan to version 2 on a branch (${short(head)}) and proposed it. The controller ran it on the recorded state, every effect intercepted, and left its report as a note:`);
  const shown = await aos(scene.reviewer, "shadow", "follow-up");
  say(indent(shown.stdout));
  shows(scene.reviewer, `git notes --ref=aos-shadow show ${short(head)}`);
  return head;
}

/** 4. Refused without a review; then reviewed. */
async function review(scene: Scene, head: string): Promise<void> {
  heading("No merge without a review");
  const refused = await aos(scene.author, { expect: 3 }, "merge", "follow-up");
  say(indent(refused.stderr));
  const forced = await tryDirectPush(scene, head);
  note(`\`aos merge\` refused, exit code ${refused.code}. Going around it does not help: the remote's hook says "${forced}".`);
  const key = join(scene.base, "reviewer-key");
  await aos(scene.reviewer, "review", "follow-up", "--approve", "--message", "One more call, to the same host.", "--key", key);
  note("The reviewer approved what the report said: the approval is bound to content and consequences, not to a commit.");
  shows(scene.reviewer, "git log -1 refs/notes/aos-reviews-reviewer");
}

async function tryDirectPush(scene: Scene, head: string): Promise<string> {
  const pushed = await run("git", ["-C", scene.author, "push", "origin", `${head}:refs/heads/main`], scene.author, { expect: 1 });
  return /aos: (.+)/.exec(pushed.stderr)?.[1]?.trim() ?? "no";
}

/** 5. The merge; the controller notices, rehearses again, applies at a turn boundary. */
async function mergeAndApply(scene: Scene): Promise<void> {
  heading("Merged, rehearsed again, applied");
  await git(scene.author, "switch", "--quiet", "main");
  await aos(scene.author, "merge", "follow-up");
  await git(scene.author, "pull", "--quiet", "--ff-only", "origin", "main");
  const merge = await git(scene.author, "rev-parse", "main");
  const status = await scene.keeper.until("the merge is applied", ({ appliedRevision }) => appliedRevision === merge);
  await scene.keeper.published();
  note(`The controller saw merge ${short(merge)}, derived the decision again, rehearsed it on the state of now, found the same consequences, and applied it: manifest ${status.manifest?.slice(0, 19)}….`);
  await git(scene.author, "fetch", "--quiet", "origin", "+refs/notes/*:refs/notes/*");
  const told = await git(scene.author, "log", "-1", "--notes=aos", "--format=%s%n%N", "main");
  say(indent(told.split("\n").filter((line) => !/^(Decision|Report): /.test(line)).join("\n")));
  shows(scene.author, "git log -1 --notes=aos main");
}

/** 6. The next event makes two calls. */
async function secondEvent(scene: Scene): Promise<void> {
  heading("The next event takes the new road");
  const before = scene.outside.requests.length;
  await scene.keeper.send("demo/SafeUpgradeEvent@1", { $tag: "Start", $value: { url: scene.outside.url } });
  await scene.keeper.settled();
  await scene.keeper.published();
  note(`Two calls: ${told(scene.outside, before)}. Journal and receipts are sealed and pushed.`);
  shows(scene.author, `git -C ${scene.remote} log --oneline refs/notes/aos`);
}

/** 7. A third clone with nothing but the trust hash; then one byte of one receipt is changed. */
async function audit(scene: Scene): Promise<void> {
  heading("A stranger's clone, and nothing but one hash");
  const auditor = join(scene.base, "auditor");
  await run("git", ["clone", "--quiet", "-c", "remote.origin.fetch=+refs/notes/*:refs/notes/*", "-c", "remote.origin.fetch=+refs/aos/*:refs/aos/*", scene.remote, auditor], scene.base);
  const verified = await aos(auditor, "verify", "--replay", "--trust", scene.trust);
  say(indent(verified.stdout));
  await verifySignatures(auditor);
  const forged = join(scene.base, "forged");
  await cp(auditor, forged, { recursive: true });
  const changed = await tamperWithReceipt(forged);
  const caught: Ran = await aos(forged, { expect: 4 }, "verify", "--replay", "--trust", scene.trust);
  note(`In a copy one byte of one receipt was changed (${changed}). \`aos verify\` fails with exit code ${caught.code}:`);
  say(indent(`${caught.stdout}${caught.stderr}`));
}

/** Stock git agrees: every commit on the notes refs has a signature it accepts. */
async function verifySignatures(folder: string): Promise<void> {
  const signers = join(folder, ".aos", "allowed_signers");
  const refs = (await git(folder, "for-each-ref", "--format=%(refname)", "refs/notes/aos*", "refs/aos")).split("\n");
  const commits = (await git(folder, "rev-list", ...refs.filter((ref) => ref !== ""))).split("\n");
  await run("git", ["-C", folder, "-c", "gpg.format=ssh", "-c", `gpg.ssh.allowedSignersFile=${signers}`, "verify-commit", ...commits], folder);
  note(`Stock git accepts all ${commits.length} commits on the notes refs:`);
  shows(folder, "git -c gpg.format=ssh -c gpg.ssh.allowedSignersFile=.aos/allowed_signers verify-commit $(git rev-list refs/notes/aos)");
}

function told(outside: Outside, from: number): string {
  return outside.requests.slice(from).join(", ");
}
function short(oid: string): string {
  return oid.slice(0, 12);
}
function indent(text: string): string {
  return text.trimEnd().split("\n").map((line) => `    ${line}`).join("\n");
}

function readOptions(args: readonly string[]): DemoOptions {
  const value = (flag: string): string | undefined => {
    const at = args.indexOf(flag);
    const text = at < 0 ? undefined : args[at + 1];
    if (at >= 0 && text === undefined) throw new AosError("cli.usage", `${flag} needs a value`);
    return text;
  };
  const count = (flag: string, otherwise: number): number => {
    const text = value(flag) ?? String(otherwise);
    if (!/^\d{1,9}$/.test(text)) throw new AosError("cli.usage", `${flag}: ${text} is not a count`);
    return Number(text);
  };
  const stray = args.filter((arg, index) => !arg.startsWith("--") && !args[index - 1]?.startsWith("--")).concat(args.filter((arg) => arg.startsWith("--") && !["--keep", "--kill", "--seed"].includes(arg)));
  if (stray.length > 0) throw new AosError("cli.usage", `unknown argument ${stray[0]}`, { hint: "npm run demo -- [--keep DIR] [--kill N] [--seed N]" });
  return { keep: value("--keep"), kills: count("--kill", 0), seed: count("--seed", Date.now() % 1_000_000) };
}

try {
  await demo(readOptions(process.argv.slice(2)));
} catch (error) {
  const hint = error instanceof AosError && error.hint !== undefined ? `\nhint: ${error.hint}` : "";
  console.error(error instanceof AosError ? `error: ${error.message}${hint}` : error);
  process.exitCode = error instanceof AosError && error.class === "input" ? 2 : 1;
}
