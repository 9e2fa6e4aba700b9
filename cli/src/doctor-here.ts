// What aos doctor looks at on this machine and in this clone. Each check says what is, and how to mend what is not as it should be.

import { AosError, type Hash } from "@agentos/kernel";
import {
  ALLOWED_SIGNERS_PATH, configGet, connectWorld, git, gitIn, keyId, MAIN_REF, NOTES_REF, principalOfKey, readPinnedTrust, readRef, readRules, readSuspension, saysSigners, stateFolderAt, suspensionText,
  type ObjectStore, type Oid, type Repo, type Rules,
} from "@agentos/controller";
import { clientHooksOf, SERVER_HOOKS } from "@agentos/hooks";
import type { Context } from "./context.ts";
import { isProgram, SSH_PROGRAM, STAND_IN } from "./openssh.ts";
import { genesisTrust, personKey, placeOf } from "./world.ts";

/** `bad` stands in the way; `odd` is worth knowing. */
export interface Check {
  readonly name: string;
  readonly state: "bad" | "fine" | "odd";
  /** What is. */
  readonly says: string;
  /** What to do about it; absent where nothing is to be done. */
  readonly mend?: string;
}
export type Checks = readonly Check[];

export const fine = (name: string, says: string): Check => ({ name, state: "fine", says });
export const odd = (name: string, says: string, mend: string): Check => ({ name, state: "odd", says, mend });
export const bad = (name: string, says: string, mend: string): Check => ({ name, state: "bad", says, mend });

const NODE_MIN = [20, 19] as const;
/** `git merge-tree --write-tree` came with it. */
const GIT_MIN = [2, 38] as const;
/** Clocks of people's machines differ by less. */
const CLOCK_SECONDS_MAX = 120;

/** The programs. @param options.node - as process.versions.node says it; @param options.git - as `git --version` prints it */
export function checkVersions(options: { readonly node: string; readonly git: string }): Checks {
  const number = (text: string): readonly number[] => (/(\d+)\.(\d+)/.exec(text) ?? []).slice(1).map(Number);
  const below = ([major = 0, minor = 0]: readonly number[], [wantMajor, wantMinor]: readonly [number, number]): boolean => major < wantMajor || (major === wantMajor && minor < wantMinor);
  const at = (min: readonly [number, number]): string => min.join(".");
  return [
    below(number(options.node), NODE_MIN) ? bad("node", `version ${options.node}`, `install Node ${at(NODE_MIN)} or later`) : fine("node", `version ${options.node}`),
    below(number(options.git), GIT_MIN) ? bad("git", options.git, `install git ${at(GIT_MIN)} or later: merges are judged with git merge-tree --write-tree`) : fine("git", options.git.replace(/^git version /, "version ")),
  ];
}

export async function gitVersion(): Promise<string> {
  return (await git(".", ["--version"])).stdout.toString("utf8").trim();
}

/** Everything about the clone. The first check that fails may be why later ones do: each is tried all the same. */
export async function checkHere(cx: Context, repo: Repo, store: ObjectStore): Promise<Checks> {
  const main = (await readRef(repo.commonDir, MAIN_REF)) ?? (await readRef(repo.commonDir, "refs/remotes/origin/main"));
  if (main === undefined) return [bad("main", "there is no branch main", "begin a world with `aos init DIR`, or fetch: git fetch origin main")];
  const { check, rules } = await checkRules(store, main);
  if (rules === undefined) return [check];
  return [
    check,
    checkTrust(await readPinnedTrust(repo), await genesisTrust(repo, store, main)),
    ...(await checkKey(cx, repo, rules)),
    await checkSigners(repo, store, { main, rules }),
    ...(await checkSigning(repo)),
    await checkHooks(repo),
    await checkClock(repo, main),
    await checkNotes(repo),
    await checkController(repo),
    ...(await checkSuspension(repo)),
  ];
}

/** Of one that is not suspended nothing is said. */
async function checkSuspension(repo: Repo): Promise<Checks> {
  const found = await readSuspension(stateFolderAt(repo), Date.now());
  return found === undefined ? [] : [odd("suspended", `${suspensionText(found)}; no merge is applied`, "aos resume ends it")];
}

/** @returns `rules` undefined where they cannot be read: the check says why */
export async function checkRules(store: ObjectStore, main: Oid): Promise<{ readonly check: Check; readonly rules: Rules | undefined }> {
  try {
    const rules = await readRules(store, main);
    return { check: fine("rules", `principals: ${rules.trust.principals.length}, approvals needed: ${rules.policy.approvals}`), rules };
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return { check: bad("rules", error.message, error.hint ?? "mend .aos on main, in a proposal"), rules: undefined };
  }
}

function checkTrust(pinned: Hash | undefined, genesis: Hash | undefined): Check {
  if (genesis === undefined) return bad("trust", "main does not begin with a trust file", "is this a world's repository, and is the clone whole (not shallow)? git fetch --unshallow");
  if (pinned === undefined) return odd("trust", "this clone pins no world", `when somebody you trust has told you the same hash: git config aos.trust ${genesis}`);
  return pinned === genesis ? fine("trust", `pinned: ${pinned}`) : bad("trust", `pinned is ${pinned}, main begins with ${genesis}`, "this is another world than the one you pinned, or its history was rewritten: believe nothing in it before you know why");
}

/** Who has no branch at hand signs nothing there: in a bare repository a key that is not there is no lack. */
export async function checkKey(cx: Context, repo: Repo, rules: Rules): Promise<Checks> {
  const check = await keyOf(cx, repo, rules);
  return repo.bare && check.state === "odd" ? [] : [check];
}

async function keyOf(cx: Context, repo: Repo, { trust }: Rules): Promise<Check> {
  try {
    const key = await personKey(cx, repo);
    const principal = principalOfKey(trust, key.publicKey);
    if (principal === undefined) return bad("key", `${keyId(key.publicKey)}: no principal of main has it, or it is retired`, "have the key added to .aos/trust.json by a proposal, or name another with --key or `git config aos.key PATH`");
    return fine("key", `${principal.name}, ${principal.kind}, ${keyId(key.publicKey)}`);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return (error.code === "key.missing" ? odd : bad)("key", error.message, error.hint ?? "name another with --key PATH or `git config aos.key PATH`");
  }
}

/** Whether git finds what it signs with. Nobody commits in a bare repository. */
async function checkSigning(repo: Repo): Promise<Checks> {
  if (repo.workTree === undefined) return [];
  const program = await configGet(repo, SSH_PROGRAM);
  if (isProgram(program ?? "ssh-keygen")) return [fine("signing", program === undefined ? "git signs with OpenSSH's ssh-keygen" : `git signs with ${program}`)];
  return [bad("signing", `${program ?? "ssh-keygen"} is not here, and git signs with it`, `install OpenSSH, or take what stands in for it: git config ${SSH_PROGRAM} '${STAND_IN}'`)];
}

/** By this file stock git believes signatures. */
export async function checkSigners(repo: Repo, store: ObjectStore, at: { readonly main: Oid; readonly rules: Rules }): Promise<Check> {
  if (!saysSigners(await store.readPath(at.main, ALLOWED_SIGNERS_PATH), at.rules.trust)) return odd("signers", `${ALLOWED_SIGNERS_PATH} on main does not say what the trust file says`, "stock git judges by it: `aos keys signers --write`, and propose that");
  if (repo.workTree !== undefined && (await configGet(repo, "gpg.ssh.allowedSignersFile")) === undefined) return odd("signers", "git does not know whose keys to believe here", "git config gpg.ssh.allowedSignersFile .aos/allowed_signers");
  return fine("signers", "as the trust file says");
}

async function checkHooks(repo: Repo): Promise<Check> {
  // A bare repository that has any is looked at as a server.
  if (repo.bare) return odd("hooks", `missing: ${SERVER_HOOKS.join(", ")}`, `if people push here: aos hooks install --server ${repo.gitDir}`);
  const { state, looksIn } = await clientHooksOf(repo);
  if (state === "in-force") return fine("hooks", "in force");
  if (state === "passed-over") return odd("hooks", `installed, but git looks in ${looksIn}`, "run `aos hooks install` again");
  return odd("hooks", "not installed in this clone", "aos hooks install");
}

/** Commits and seals are dated later than what they follow: a clock that is behind makes them wait or lie. */
export async function checkClock(repo: Repo, main: Oid): Promise<Check> {
  const { stdout } = await gitIn(repo, ["log", "-1", "--format=%ct", main]);
  const ahead = Number(stdout.toString("utf8").trim()) - Math.floor(Date.now() / 1000);
  return ahead > CLOCK_SECONDS_MAX ? bad("clock", `main is dated ${ahead} s in the future of this machine`, "set this machine's clock, by NTP best") : fine("clock", "not behind main");
}

async function checkNotes(repo: Repo): Promise<Check> {
  if ((await readRef(repo.commonDir, NOTES_REF)) === undefined) return odd("published", `there is no ${NOTES_REF} here`, "nothing is published yet, or this clone left it out: git fetch origin 'refs/notes/*:refs/notes/*'");
  const { stdout } = await gitIn(repo, ["config", "--get-all", "remote.origin.fetch"], { allowExit: [1] });
  const fetched = stdout.toString("utf8");
  if (fetched !== "" && !fetched.includes("refs/notes/")) return odd("published", "here, but a plain `git fetch` does not bring what is new", "git config --add remote.origin.fetch 'refs/notes/*:refs/notes/*'");
  return fine("published", NOTES_REF);
}

async function checkController(repo: Repo): Promise<Check> {
  try {
    const client = await connectWorld(repo);
    return client === undefined ? fine("controller", "none runs here") : fine("controller", `runs from ${placeOf(repo)}`);
  } catch (error) {
    if (!(error instanceof AosError)) throw error;
    return odd("controller", error.message, error.hint ?? "look at its log");
  }
}
