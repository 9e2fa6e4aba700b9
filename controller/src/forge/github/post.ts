// Says on GitHub what the repository decides: one comment, one check or status, and what approvals bind to. Writes on change only.

import { AosError, type Hash } from "@agentos/kernel";
import type { Oid } from "../../git/objects.ts";
import type { Decision } from "../../governance/decision.ts";
import type { CheckDraft, GithubApi, StatusDraft } from "./api.ts";
import { commentBody, cutMiddle, marker, verdictTitle, type Told } from "./comment.ts";
import { bindsText, REPORT_CONTEXT } from "./witness.ts";

/** The check, and with a token the status, that a ruleset requires. */
export const DECISION_CONTEXT = "aos/decision";
/** The status on a commit of main that came into force, or that is held. */
export const APPLIED_CONTEXT = "aos/applied";
/** GitHub's bound on a status. */
const DESCRIPTION_MAX = 140;
const SUMMARY_MAX = 60_000;

/** Text by place, as it was last written there, so that nothing is written twice. Forgetting it costs one more look. */
interface Posted {
  readonly said: Map<string, string>;
  readonly ids: Map<string, number>;
}

export function nothingPosted(): Posted {
  return { said: new Map(), ids: new Map() };
}

/** Posts the verdict on a pull request and on its head. */
export async function postDecision(api: GithubApi, posted: Posted, what: Told & { readonly pull: number; readonly head: Oid }): Promise<void> {
  const { decision, head, pull } = what;
  // What approvals bind to comes first: nobody can have seen a comment that does not stand yet.
  if (decision.cid !== null && what.report !== undefined) await postStatus(api, posted, head, { context: REPORT_CONTEXT, state: "success", description: bindsText(decision.cid) });
  await postComment(api, posted, { pull, world: what.world, body: commentBody(what) });
  await postVerdict(api, posted, { head, decision });
}

/** The required check on a commit: of an App a check run, of a token a status. */
export async function postVerdict(api: GithubApi, posted: Posted, { head, decision }: { readonly head: Oid; readonly decision: Decision }): Promise<void> {
  const title = verdictTitle(decision);
  const missing = decision.reasons.filter(({ holds }) => !holds).map(({ text }) => text);
  const approved = decision.verdict === "approved";
  const { appId } = await api.self();
  if (appId === null) {
    const state = approved ? "success" : title === "Waiting" ? "pending" : "failure";
    await postStatus(api, posted, head, { context: DECISION_CONTEXT, state, description: `${title}${approved ? "" : `: ${missing.join("; ")}`}` });
    return;
  }
  // GitHub lets success, skipped and neutral pass: a verdict that is no approval is never one of them.
  const verdict = approved ? ({ status: "completed", conclusion: "success" } as const) : title === "Waiting" ? ({ status: "in_progress" } as const) : ({ status: "completed", conclusion: "failure" } as const);
  const summary = cutMiddle(decision.reasons.map(({ rule, holds, text }) => `${holds ? "ok  " : "no  "} ${rule}: ${text}`).join("\n").replaceAll("```", "'''"), SUMMARY_MAX);
  await postCheck(api, posted, { name: DECISION_CONTEXT, head_sha: head, ...verdict, external_id: decision.cid ?? "none", output: { title: title.slice(0, 200), summary: `\`\`\`text\n${summary}\n\`\`\`` } });
}

async function postCheck(api: GithubApi, posted: Posted, draft: CheckDraft): Promise<void> {
  const place = `check ${draft.head_sha} ${draft.name}`;
  const text = JSON.stringify(draft);
  if (posted.said.get(place) === text) return;
  const { appId } = await api.self();
  let id = posted.ids.get(place);
  if (id === undefined && appId !== null) id = (await api.checkRuns(draft.head_sha, { name: draft.name, appId }))[0]?.id;
  // A check that was completed is not opened again: a new one of its name takes its place.
  if (id !== undefined && draft.status === "completed") await api.updateCheck(id, draft);
  else id = await api.createCheck(draft);
  posted.ids.set(place, id);
  posted.said.set(place, text);
}

/** GitHub keeps 1,000 statuses of one context on a commit, then refuses: the same is never said twice in a row. */
export async function postStatus(api: GithubApi, posted: Posted, sha: Oid, draft: StatusDraft): Promise<void> {
  const description = draft.description.length <= DESCRIPTION_MAX ? draft.description : `${draft.description.slice(0, DESCRIPTION_MAX - 1)}…`;
  const place = `status ${sha} ${draft.context}`;
  const text = `${draft.state} ${description}`;
  if (posted.said.get(place) === text) return;
  if (!posted.said.has(place)) {
    const { userId } = await api.self();
    const last = (await api.statuses(sha)).find(({ context }) => context === draft.context);
    if (last !== undefined && last.creator?.id === userId && `${last.state} ${last.description ?? ""}` === text) {
      posted.said.set(place, text);
      return;
    }
  }
  await api.createStatus(sha, { ...draft, description });
  posted.said.set(place, text);
}

interface Sticky {
  readonly pull: number;
  readonly world: Hash;
  readonly body: string;
}

/** Edits the comment in place; makes it where there is none, or none any more. Somebody else's with our marker is left alone. */
async function postComment(api: GithubApi, posted: Posted, { pull, world, body }: Sticky): Promise<void> {
  const place = `comment ${pull}`;
  if (posted.said.get(place) === body) return;
  const found = posted.ids.get(place) ?? (await findComment(api, { pull, world }));
  const id = found === undefined ? await api.createComment(pull, body) : await editComment(api, { id: found, pull, body });
  posted.ids.set(place, id);
  posted.said.set(place, body);
}

async function findComment(api: GithubApi, { pull, world }: Pick<Sticky, "pull" | "world">): Promise<number | undefined> {
  const { userId } = await api.self();
  return (await api.comments(pull)).find(({ user, body }) => user?.id === userId && (body ?? "").startsWith(marker(world)))?.id;
}

async function editComment(api: GithubApi, { id, pull, body }: { readonly id: number; readonly pull: number; readonly body: string }): Promise<number> {
  try {
    await api.updateComment(id, body);
    return id;
  } catch (error) {
    if (!(error instanceof AosError) || error.code !== "github.missing") throw error;
    return api.createComment(pull, body);
  }
}
