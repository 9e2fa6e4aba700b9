// Bad input: one sentence with the place and a way out, the exit code of who must act, and nothing changed.

import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { aos, aosProcess, fingerprint, git, startAos, temporaryFolder, type Ran } from "./testing/aos.ts";

/** Files that do not hold, beside the world. */
const BESIDE = { "broken.json": "{", "event.json": '{"pull_request":{"base":{"sha":"main"},"head":{"sha":1}}}', "odd-policy.json": '{"version":1,"aprovals":2}' };

/** A folder with a world in `world` that has run once, a clone without files in `bare.git`, and a reviewer's key, also as one that others can read. */
async function prepare(t: TestContext): Promise<string> {
  const folder = await temporaryFolder(t);
  const made = [
    await aos(["keys", "new", "reviewer", "--out", "reviewer"], { cwd: folder }),
    await aos(["keys", "new", "mallory", "--out", "mallory"], { cwd: folder }),
    await aos(["init", "world", "--person", "reviewer=reviewer.pub"], { cwd: folder }),
    await aos(["run", "--once"], { cwd: join(folder, "world") }),
  ];
  for (const { code, stderr } of made) assert.equal(code, 0, stderr);
  for (const [file, text] of Object.entries(BESIDE)) await writeFile(join(folder, file), text);
  await writeFile(join(folder, "open"), await readFile(join(folder, "reviewer")), { mode: 0o644 });
  await mkdir(join(folder, "empty"));
  await git(folder, "clone", "--quiet", "--bare", "world", "bare.git");
  return folder;
}

interface Case {
  readonly name: string;
  /** Brings a copy of the prepared folder into the state to test. */
  readonly given?: (folder: string, t: TestContext) => Promise<unknown>;
  /** Where it is run: in a process with other commands unless told. */
  readonly in?: "process of its own";
  readonly env?: Readonly<Record<string, string>>;
  /** Where it is called, below the folder; `world` unless told. */
  readonly cwd?: string;
  readonly words: readonly string[];
  readonly exit: number;
  readonly code: string;
  /** The sentence after `error: `, and the way out after `hint: `. */
  readonly says: RegExp;
  readonly hint: RegExp;
  /** What stdout shows: such a row is asked as a person, the others as a program. */
  readonly shows?: RegExp;
  /** Files that the answer itself adds to: an answer that is journaled, git's own objects. */
  readonly touches?: RegExp;
}

const BAD_EVENT = '{"$tag":"Leap"}';

/** A commit on a new branch. */
async function commitOn(folder: string, branch: string, file: string, text: string): Promise<void> {
  const world = join(folder, "world");
  await git(world, "switch", "--quiet", "-c", branch);
  await writeFile(join(world, file), text);
  await git(world, "add", "--all");
  await git(world, "commit", "--quiet", "-m", `Write ${file}`);
}

const written = (folder: string): Promise<void> => commitOn(folder, "notes", "notes.txt", "x");

async function proposed(folder: string): Promise<void> {
  await commitOn(folder, "notes", "notes.txt", "a note\n");
  assert.equal((await aos(["propose"], { cwd: join(folder, "world") })).code, 0);
}

/** Changes one byte in the middle of the journal's last frame, whose end stays whole. */
async function corruptJournal(folder: string): Promise<void> {
  const journal = join(folder, "world", ".git", "aos", "journal");
  const [segment] = (await readdir(journal)).filter((name) => name.endsWith(".aosj")).sort().reverse();
  assert.ok(segment !== undefined, "the world has a journal");
  const bytes = await readFile(join(journal, segment));
  const at = bytes.length - 20;
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  await writeFile(join(journal, segment), bytes);
}

function running(folder: string, t: TestContext): Promise<unknown> {
  return startAos(t, ["run"], { cwd: join(folder, "world"), ready: /world opened/ });
}

/** What GitHub sets in a job, but for the event. */
const JOB = { GITHUB_TOKEN: "none", GITHUB_REPOSITORY: "demo/world", GITHUB_API_URL: "http://127.0.0.1:9" };

const CASES: readonly Case[] = [
  {
    name: "an AIR file that is not JSON", given: (folder) => writeFile(join(folder, "world/air/more.air.json"), '[{"$kind": }]'),
    words: ["check"], exit: 2, code: "check.failed", says: /world: 1 error/, hint: /way out/, shows: /^air\/more\.air\.json:1:12: error json\.syntax: /m,
  },
  {
    name: "an AIR file that breaks a rule", given: (folder) => writeFile(join(folder, "world/air/more.air.json"), '{"$kind": "defschema", "name": "Bad", "type": {"nat": {}}}'),
    words: ["check"], exit: 2, code: "check.failed", says: /world: 1 error/, hint: /way out/, shows: /^air\/more\.air\.json:1:\d+: error air\.name: /m,
  },
  {
    name: "a source that does not parse", given: (folder) => writeFile(join(folder, "world/reducer/counter.ts"), "export default function (\n"),
    words: ["build"], exit: 2, code: "build.syntax", says: /^reducer\/counter\.ts:\d+:\d+: /, hint: /^$/,
  },
  {
    name: "a module older than its source", given: (folder) => writeFile(join(folder, "world/reducer/counter.ts"), 'import { reduce } from "@agentos/kernel/sdk";\nexport default reduce((state) => ({ state }));\n'),
    words: ["check"], exit: 2, code: "check.failed", says: /1 error/, hint: /way out/, shows: /^modules\/demo\/CounterSM@1\.js\.cbor:1:1: error module\.stale: /m,
  },
  { name: "a sync file with an unknown field", given: (folder) => writeFile(join(folder, "world/aos.sync.json"), '{"version": 1, "airr": {}}'), words: ["check"], exit: 2, code: "check.failed", says: /world: 1 error/, hint: /way out/, shows: /^aos\.sync\.json:1:24: error sync\.invalid: \/airr unknown field/m },
  { name: "an unknown command", in: "process of its own", words: ["buidl"], exit: 2, code: "cli.command", says: /^buidl: unknown command$/, hint: /did you mean `aos build`/, shows: /^$/ },
  { name: "an unknown command of a group", words: ["event", "snd", "x"], exit: 2, code: "cli.command", says: /^snd: unknown command of `aos event`$/, hint: /did you mean `aos event send`/ },
  { name: "an unknown flag", words: ["build", "--chek"], exit: 2, code: "cli.flag", says: /^--chek: unknown flag of `aos build`$/, hint: /did you mean --check/ },
  { name: "a flag without its value", words: ["status", "--world"], exit: 2, code: "cli.usage", says: /--world needs a value/, hint: /aos status --help/ },
  { name: "a flag given twice", words: ["status", "-w", "a", "-w", "b"], exit: 2, code: "cli.usage", says: /--world is given twice/, hint: /--help/ },
  { name: "an argument too many", words: ["status", "now"], exit: 2, code: "cli.argument", says: /^now: one argument too many of `aos status`$/, hint: /aos status --help/ },
  { name: "a missing argument", words: ["state", "get"], exit: 2, code: "cli.usage", says: /an argument is missing/, hint: /aos state get --help/ },
  { name: "no command at all", in: "process of its own", words: [], exit: 2, code: "cli.usage", says: /a command is missing/, hint: /aos --help/ },
  { name: "a key that is not there", given: proposed, words: ["merge", "notes", "--key", "../nobody"], exit: 2, code: "key.missing", says: /nobody: no private key there$/, hint: /./ },
  { name: "a key of nobody", given: proposed, words: ["merge", "notes", "--key", "../mallory"], exit: 2, code: "trust.stranger", says: /^SHA256:\S+: nobody on main has this key$/, hint: /--key PATH/ },
  { name: "a key that others can read", given: proposed, words: ["review", "notes", "--comment", "--key", "../open"], exit: 2, code: "key.permissions", says: /open: others may read this private key \(mode 644\)$/, hint: /^chmod 600 / },
  { name: "proposing with a dirty tree", given: async (folder) => (await commitOn(folder, "notes", "notes.txt", "x"), await writeFile(join(folder, "world/notes.txt"), "y")), words: ["propose"], exit: 2, code: "git.dirty", says: /^notes\.txt: not committed$/, hint: /git commit/ },
  { name: "proposing from main", words: ["propose"], exit: 2, code: "git.main", says: /^main: proposals are made from a branch of their own$/, hint: /git switch -c/ },
  { name: "proposing with an empty message", given: written, words: ["propose", "-m", " \n"], exit: 2, code: "proposal.message", says: /^--message: it is empty$/, hint: /a title/ },
  { name: "describing a proposal with the key of nobody", given: written, words: ["propose", "-m", "Notes", "--key", "../mallory"], exit: 2, code: "trust.stranger", says: /^SHA256:\S+: nobody on main has this key$/, hint: /--key PATH/ },
  { name: "proposing nothing", given: (folder) => git(join(folder, "world"), "switch", "--quiet", "-c", "empty"), words: ["propose"], exit: 2, code: "git.nothing", says: /^HEAD \([0-9a-f]{12}\): main has it already$/, hint: /commit a change/ },
  {
    name: "proposing a diverged branch",
    async given(folder) {
      const world = join(folder, "world");
      await commitOn(folder, "notes", "notes.txt", "x");
      await git(world, "switch", "--quiet", "main");
      await git(world, "commit", "--quiet", "--allow-empty", "-m", "Meanwhile");
      await git(world, "switch", "--quiet", "notes");
    },
    words: ["propose"], exit: 2, code: "git.diverged", says: /^HEAD \([0-9a-f]{12}\): it does not contain main \([0-9a-f]{12}\)$/, hint: /^git rebase main/,
  },
  {
    name: "proposing an unsigned commit", given: async (folder) => (await commitOn(folder, "notes", "notes.txt", "x"), await git(join(folder, "world"), "commit", "--quiet", "--amend", "--no-edit", "--no-gpg-sign")),
    words: ["propose"], exit: 2, code: "git.unsigned", says: /^commit [0-9a-f]{12}: /, hint: /commit --amend --no-edit -S/,
  },
  {
    name: "proposing broken AIR", given: (folder) => commitOn(folder, "broken", "air/more.air.json", "{"),
    words: ["propose"], exit: 2, code: "check.failed", says: /1 error in the world's files$/, hint: /aos check/,
  },
  {
    name: "a remote that is away", given: async (folder) => (await commitOn(folder, "notes", "notes.txt", "x"), await git(join(folder, "world"), "remote", "add", "origin", join(folder, "gone.git"))),
    words: ["propose"], exit: 1, code: "git.remote", says: /^origin: git fetch could not reach it: /, hint: /URL of the remote/, shows: /^$/,
  },
  { name: "a controller whose repository is away", cwd: ".", words: ["controller", "--repo", "gone.git", "--dir", "ctl", "--key", "world/.git/aos/keys/controller", "--trust", `sha256:${"0".repeat(64)}`], exit: 1, code: "git.remote", says: /^gone\.git: git clone could not reach it: /, hint: /URL of the remote/ },
  { name: "a trust hash that is none", cwd: ".", words: ["controller", "--repo", "world", "--dir", "ctl", "--key", "reviewer", "--trust", "sha256:12"], exit: 2, code: "cli.trust", says: /^--trust sha256:12: expected sha256: and 64 hex digits$/, hint: /aos init/ },
  { name: "a world that is running already", given: running, words: ["run"], exit: 2, code: "world.running", says: /held by pid \d+ \(aos run\) on host \S+ since /, hint: /stop that process/ },
  { name: "repairing a world that is running", given: running, words: ["journal", "repair"], exit: 2, code: "world.running", says: /held by pid \d+ \(aos run\) on host \S+ since /, hint: /stop that process/ },
  { name: "running with the key of a person", words: ["run", "--key", "../reviewer"], exit: 2, code: "trust.controller", says: /the key of reviewer, a person$/, hint: /kind controller/ },
  { name: "a corrupted journal", given: corruptJournal, words: ["run"], exit: 4, code: "journal.corrupt", says: /\.aosj/, hint: /aos journal repair/ },
  { name: "verifying a corrupted journal", given: corruptJournal, in: "process of its own", words: ["journal", "verify"], exit: 4, code: "journal.corrupt", says: /\.aosj/, hint: /aos journal repair/ },
  { name: "repairing a journal that is not there", given: (folder) => rm(join(folder, "world/.git/aos/journal"), { recursive: true }), words: ["journal", "repair"], exit: 2, code: "journal.missing", says: /there is no journal here$/, hint: /has not run/ },
  { name: "a folder that is not a world", cwd: "empty", words: ["status"], exit: 2, code: "world.missing", says: /empty: not a world: there is no aos\.sync\.json here or in a folder above$/, hint: /aos init DIR/ },
  { name: "a world that is not there", cwd: ".", words: ["check", "-w", "nowhere"], exit: 2, code: "world.missing", says: /nowhere: no such folder$/, hint: /--world DIR/ },
  {
    name: "a world inside another repository", given: async (folder) => (await git(folder, "init", "--quiet", "outer"), await mkdir(join(folder, "outer/inner")), await cp(join(folder, "world/aos.sync.json"), join(folder, "outer/inner/aos.sync.json"))),
    cwd: "outer/inner", words: ["status"], exit: 2, code: "world.nested", says: /inner: the world is not the top folder of its repository/, hint: /aos init/,
  },
  { name: "an event for a world that does not run", in: "process of its own", words: ["event", "send", "demo/CounterEvent@1", BAD_EVENT], exit: 1, code: "world.away", says: /world: the world is not running$/, hint: /aos run/ },
  { name: "an event that is not JSON", given: running, words: ["event", "send", "demo/CounterEvent@1", "{"], exit: 2, code: "json.syntax", says: /^VALUE:1:2: /, hint: /^$/ },
  { name: "an event from a file that is not there", given: running, words: ["event", "send", "demo/CounterEvent@1", "@event.json"], exit: 2, code: "cli.file", says: /event\.json: cannot be read$/, hint: /@FILE/ },
  { name: "an event beyond 64 bits", given: running, words: ["event", "send", "demo/CounterEvent@1", '{"$tag":"Start","$value":{"target":99999999999999999999}}'], exit: 2, code: "cli.fraction", says: /^VALUE: worlds have no fractions, and no integers beyond 64 bits$/, hint: /whole numbers in digits/ },
  // The last two of a running world: their answers are journaled, and sealed a moment later.
  { name: "an event that fits no arm of its schema", given: running, in: "process of its own", words: ["event", "send", "demo/CounterEvent@1", BAD_EVENT], exit: 3, code: "value.invalid", says: /^demo\/CounterEvent@1: \$\.Leap: unknown variant tag$/, hint: /must fit demo\/CounterEvent@1/, touches: /\.git\// },
  { name: "an event of an unknown schema", given: running, words: ["event", "send", "demo/Nothing@1", "{}"], exit: 3, code: "schema.missing", says: /^demo\/Nothing@1: /, hint: /./, touches: /\.git\// },
  { name: "the state of an unknown reducer", words: ["state", "get", "demo/Nothing@1"], exit: 2, code: "state.reducer", says: /^demo\/Nothing@1: the world has no such reducer$/, hint: /demo\/CounterSM@1/ },
  { name: "a shadow of nothing", words: ["shadow"], exit: 2, code: "cli.usage", says: /name a proposal, or say --worktree$/, hint: /aos proposals/ },
  { name: "an unknown proposal", given: proposed, words: ["review", "note", "--approve"], exit: 2, code: "proposal.unknown", says: /^note: there is no such proposal$/, hint: /^did you mean notes\?$/ },
  { name: "a review that says two things", given: proposed, words: ["review", "notes", "--approve", "--dismiss"], exit: 2, code: "cli.verdict", says: /say one of --approve, --request-changes, --comment, --dismiss$/, hint: /--approve/ },
  { name: "approving before there is a shadow report", given: proposed, words: ["review", "notes", "--approve", "--key", "../reviewer"], exit: 3, code: "review.early", says: /^notes: no shadow report on this head, so there is nothing to approve yet$/, hint: /^aos shadow notes --wait/ },
  { name: "merging without a review", given: proposed, words: ["merge", "notes"], exit: 3, code: "merge.refused", says: /^notes: not approved: no shadow report on this head; 0 of 1 approvals$/, hint: /aos shadow notes --wait/, shows: /^ {2}no {3}0 of 1 approvals$/m },
  { name: "verifying what was never pinned", given: (folder) => git(join(folder, "world"), "config", "--unset", "aos.trust"), words: ["verify"], exit: 2, code: "trust.unpinned", says: /world: what to trust is not pinned$/, hint: /--trust sha256:/ },
  { name: "verifying against another hash", words: ["verify", "--trust", `sha256:${"0".repeat(64)}`], exit: 4, code: "world.other", says: /^seq 0.*the journal is of world sha256:/, hint: /is this the trust hash of this world/, shows: /^not verified/m },
  { name: "making a world where there is one", cwd: ".", words: ["init", "world"], exit: 2, code: "init.taken", says: /world: there is a world already$/, hint: /new, empty, or a Git repository without commits/ },
  { name: "making a world in a folder with files", cwd: ".", words: ["init", "bare.git/refs"], exit: 2, code: "init.taken", says: /refs: the folder is not empty$/, hint: /new, empty/ },
  { name: "making a world with a key that is not there", cwd: ".", words: ["init", "deep/er/new", "--key", "nobody"], exit: 2, code: "key.missing", says: /nobody: no private key there$/, hint: /./ },
  { name: "making a world with two principals of one key", cwd: ".", words: ["init", "new", "--person", "ada=reviewer.pub", "--person", "bob=reviewer.pub"], exit: 2, code: "trust.invalid", says: /this key belongs to ada already/, hint: /^$/ },
  { name: "overwriting a key", cwd: ".", words: ["keys", "new", "--out", "reviewer"], exit: 2, code: "key.exists", says: /reviewer: there is a key already$/, hint: /another path/ },
  { name: "showing a key that is not there", cwd: ".", words: ["keys", "show", "nobody"], exit: 2, code: "key.missing", says: /nobody: no key can be read there$/, hint: /aos keys new/ },
  { name: "guarding what is not a repository", cwd: ".", words: ["hooks", "install", "--server", "nowhere.git"], exit: 2, code: "hooks.server", says: /nowhere\.git: no such folder$/, hint: /git init --bare/ },
  { name: "watching what is no world", cwd: "empty", words: ["watch"], exit: 2, code: "world.missing", says: /empty: not a world: there is no aos\.sync\.json here or in a folder above$/, hint: /aos init DIR/ },
  { name: "watching with an argument", words: ["watch", "now"], exit: 2, code: "cli.argument", says: /^now: one argument too many of `aos watch`$/, hint: /aos watch --help/ },
  { name: "watching with an unknown flag", words: ["watch", "--poll"], exit: 2, code: "cli.flag", says: /^--poll: unknown flag of `aos watch`$/, hint: /aos watch --help/ },
  { name: "watching a repository without files", cwd: ".", words: ["watch", "-w", "bare.git"], exit: 2, code: "world.missing", says: /bare\.git: not a world: there is no aos\.sync\.json$/, hint: /--world DIR/ },
  { name: "a doctor where there is no world", cwd: "empty", words: ["doctor"], exit: 2, code: "world.missing", says: /empty: not a world/, hint: /aos init DIR/ },
  { name: "a doctor who finds a key that others can read", words: ["doctor", "--key", "../open"], exit: 3, code: "doctor.found", says: /^to mend: key$/, hint: /each line says how/, shows: /open: others may read this private key \(mode 644\)/ },
  { name: "a doctor asked about no repository of GitHub", words: ["doctor", "--github", "nowhere"], exit: 2, code: "cli.github", says: /^--github nowhere: expected OWNER\/NAME$/, hint: /address of the repository/ },
  { name: "a doctor with a GitHub App and no GitHub", words: ["doctor", "--github-app", "7"], exit: 2, code: "cli.usage", says: /^--github-app: it says how to ask GitHub, and --github is missing$/, hint: /--github OWNER\/NAME/ },
  { name: "a doctor asked about GitHub without a token", words: ["doctor", "--github", "demo/world"], exit: 2, code: "github.auth", says: /^GitHub: no way to sign in$/, hint: /GITHUB_TOKEN/ },
  { name: "a doctor with a GitHub App that is no number", words: ["doctor", "--github", "demo/world", "--github-app", "mine", "--github-app-key", "../reviewer"], exit: 2, code: "cli.github", says: /^--github-app: expected the App's id, a number$/, hint: /settings/ },
  { name: "a doctor with a GitHub App without a key", words: ["doctor", "--github", "demo/world", "--github-app", "7"], exit: 2, code: "cli.github", says: /^--github-app and --github-app-key belong together$/, hint: /private key/ },
  { name: "a CI shadow of a commit that is not here", words: ["ci", "shadow", "--head", "nowhere"], exit: 2, code: "world.unknown", says: /^nowhere: no such commit here$/, hint: /--base and --head/ },
  { name: "a CI shadow without its event", words: ["ci", "shadow"], env: { GITHUB_EVENT_NAME: "pull_request", GITHUB_EVENT_PATH: "gone.json" }, exit: 2, code: "ci.event", says: /^gone\.json: the event cannot be read$/, hint: /--base and --head/ },
  { name: "a CI shadow of an event that is none", words: ["ci", "shadow"], env: { GITHUB_EVENT_NAME: "pull_request", GITHUB_EVENT_PATH: "../broken.json" }, exit: 2, code: "ci.event", says: /^\.\.\/broken\.json: not the event of a pull request$/, hint: /--base and --head/ },
  { name: "a CI shadow of an event with no commit", words: ["ci", "shadow"], env: { GITHUB_EVENT_NAME: "pull_request_target", GITHUB_EVENT_PATH: "../event.json" }, exit: 2, code: "ci.event", says: /^\.\.\/event\.json: not the event of a pull request$/, hint: /--base and --head/ },
  { name: "a CI shadow whose report has no place", words: ["ci", "shadow", "--out", "README.md"], exit: 1, code: "cli.write", says: /README\.md: the report cannot be written$/, hint: /--out/ },
  { name: "a CI decision outside a job", words: ["ci", "decision"], exit: 2, code: "ci.env", says: /^GITHUB_EVENT_PATH is not set$/, hint: /GitHub sets it/ },
  { name: "a CI decision without its event", words: ["ci", "decision"], env: { ...JOB, GITHUB_EVENT_PATH: "gone.json" }, exit: 2, code: "ci.event", says: /^gone\.json: no event there$/, hint: /workflow_run/ },
  { name: "a CI decision on an event that is not JSON", words: ["ci", "decision"], env: { ...JOB, GITHUB_EVENT_PATH: "../broken.json" }, exit: 2, code: "ci.event", says: /^\.\.\/broken\.json: not JSON$/, hint: /workflow_run/ },
  { name: "a CI decision on an event of another kind", words: ["ci", "decision"], env: { ...JOB, GITHUB_EVENT_PATH: "../event.json" }, exit: 2, code: "ci.event", says: /^\.\.\/event\.json: \/workflow_run\/head_sha: no commit$/, hint: /workflow_run/ },
  { name: "simulating a policy that is not there", words: ["policy", "simulate", "stricter.json"], exit: 2, code: "cli.file", says: /^stricter\.json: cannot be read \(ENOENT\)$/, hint: /\.aos\/policy\.json/ },
  { name: "simulating a policy that is not JSON", words: ["policy", "simulate", "../broken.json"], exit: 2, code: "json.syntax", says: /^\.\.\/broken\.json:1:2: /, hint: /^$/ },
  { name: "simulating a policy with an unknown field", words: ["policy", "simulate", "../odd-policy.json"], exit: 2, code: "policy.invalid", says: /^\.\.\/odd-policy\.json:1:25: \/aprovals: unknown field "aprovals"; known are version, approvals, /, hint: /^$/ },
  { name: "simulating on one proposal and on what was merged", words: ["policy", "simulate", ".aos/policy.json", "notes", "--merged"], exit: 2, code: "cli.usage", says: /name a proposal or say --merged, not both$/, hint: /--merged/ },
  { name: "simulating on an unknown proposal", words: ["policy", "simulate", ".aos/policy.json", "notes"], exit: 2, code: "proposal.unknown", says: /^notes: there is no such proposal$/, hint: /./ },
  { name: "why of nothing", words: ["why"], exit: 2, code: "cli.usage", says: /^aos why: an argument is missing$/, hint: /aos why --help/ },
  { name: "why of what nobody knows", words: ["why", "nothing"], exit: 2, code: "why.unknown", says: /^nothing: neither a proposal, nor a commit, nor a record's seq$/, hint: /aos proposals --all/ },
  { name: "why of the first commit", words: ["why", "main"], exit: 2, code: "why.genesis", says: /^[0-9a-f]{12}: the world begins with this commit/, hint: /aos verify/ },
  { name: "why of a commit that main does not have", given: written, words: ["why", "notes"], exit: 2, code: "why.elsewhere", says: /^[0-9a-f]{12}: main does not have this commit/, hint: /aos log/ },
  { name: "why of a record that is not there yet", words: ["why", "99999"], exit: 2, code: "journal.seq", says: /^#99999: there is no such record; the journal ends before #\d+$/, hint: /aos journal tail/ },
];

test("bad input: every row: one sentence, a way out, the exit code, and nothing changed", async (t) => {
  const prepared = await prepare(t);
  // Rows with one state share one folder: that none changes it is what is tested.
  const folders = new Map<Case["given"], Promise<string>>();
  const folderFor = async ({ given }: Case): Promise<string> => {
    const folder = await temporaryFolder(t);
    await cp(prepared, folder, { recursive: true, verbatimSymlinks: true });
    await given?.(folder, t);
    return folder;
  };
  let rows = 0;
  for (const row of CASES) {
    await t.test(row.name, async () => {
      const made = folders.get(row.given) ?? folderFor(row);
      folders.set(row.given, made);
      await judge(row, { folder: await made, run: row.in === undefined ? aos : aosProcess });
      rows++;
    });
  }
  assert.equal(rows, CASES.length);
  assert.ok(rows > 80);
  assert.equal(CASES.filter((row) => row.in !== undefined).length, 5);
});

async function judge(row: Case, { folder, run }: { readonly folder: string; readonly run: typeof aos }): Promise<void> {
  const before = await fingerprint(folder);
  const ask = (...more: readonly string[]): Promise<Ran> => run([...row.words, ...more], { cwd: join(folder, row.cwd ?? "world"), env: { ...row.env } });
  const told = row.shows === undefined ? askedJson(row, await ask("--json")) : askedText(row, await ask());
  assert.match(told.message, row.says);
  assert.match(told.hint, row.hint);
  const changed = difference(before, await fingerprint(folder)).filter((line) => row.touches?.test(line) !== true);
  assert.deepEqual(changed, [], "everything is as it was");
}

/** What a program is told. */
function askedJson(row: Case, { code, stdout }: Ran): { readonly message: string; readonly hint: string } {
  assert.equal(code, row.exit, stdout);
  const last: unknown = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
  const { error } = last as { readonly error: { readonly code: string; readonly message: string; readonly hint?: string } };
  assert.equal(error.code, row.code);
  return { message: error.message, hint: error.hint ?? "" };
}

/** What a person is told. */
function askedText(row: Case, { code, stdout, stderr }: Ran): { readonly message: string; readonly hint: string } {
  assert.equal(code, row.exit, stderr);
  assert.match(stdout, row.shows ?? /./);
  assert.doesNotMatch(stderr, /\n\s+at /, "no stack trace");
  const lines = stderr.split("\n");
  const after = (word: string): string => lines.find((line) => line.startsWith(word))?.slice(word.length) ?? "";
  return { message: after("error: "), hint: after("hint: ") };
}

function difference(before: readonly string[], after: readonly string[]): readonly string[] {
  return [...before.filter((line) => !after.includes(line)).map((line) => `- ${line}`), ...after.filter((line) => !before.includes(line)).map((line) => `+ ${line}`)];
}
