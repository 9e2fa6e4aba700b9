// Which pull request a finished CI run was about: asked of GitHub by commit and repository, never taken from what the run left.

import { readFile, stat } from "node:fs/promises";
import { AosError } from "@agentos/kernel";
import { isOid, type Oid, type Pull } from "@agentos/controller";
import { memberOf } from "./member-of.ts";

interface CiRun {
  readonly head: Oid;
  /** Of the repository that the head is in: a fork's, or ours. */
  readonly repositoryId: number;
  readonly event: string;
}

const EVENT_BYTES_MAX = 32 << 20;

/** Reads the event that GitHub put into a file for a `workflow_run` job. @throws AosError `ci.event` */
export async function readCiRun(path: string): Promise<CiRun> {
  const wrong = (what: string): AosError => new AosError("ci.event", `${path}: ${what}`, { at: { file: path }, hint: "this runs in a workflow on: workflow_run; GITHUB_EVENT_PATH names the event" });
  const size = (await stat(path).catch(() => undefined))?.size;
  if (size === undefined || size > EVENT_BYTES_MAX) throw wrong("no event there");
  let event: unknown;
  try {
    event = JSON.parse(await readFile(path, "utf8"));
  } catch {
    throw wrong("not JSON");
  }
  const run = memberOf(event, "workflow_run");
  const head = memberOf(run, "head_sha");
  const repositoryId = memberOf(memberOf(run, "head_repository"), "id");
  const kind = memberOf(run, "event");
  if (typeof head !== "string" || !isOid(head)) throw wrong("/workflow_run/head_sha: no commit");
  if (typeof repositoryId !== "number" || !Number.isSafeInteger(repositoryId)) throw wrong("/workflow_run/head_repository/id: no number");
  return { head, repositoryId, event: typeof kind === "string" ? kind : "" };
}

/** The open pull requests whose head the run was on. */
export function pullsOf(run: CiRun, pulls: readonly Pull[]): readonly Pull[] {
  return pulls.filter(({ head }) => head.sha === run.head && head.repo?.id === run.repositoryId);
}
