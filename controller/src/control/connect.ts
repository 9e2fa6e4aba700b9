// Finds the running world of a repository.

import { connect } from "node:net";
import type { Repo } from "../git/repo.ts";
import { readRunFile, stateFolderAt } from "../reconcile/state-folder.ts";
import { controlClient, type ControlClient } from "./client.ts";

/** The running world of a repository; undefined when no live process has it. */
export async function connectWorld(repo: Repo): Promise<ControlClient | undefined> {
  const run = await readRunFile(stateFolderAt(repo));
  // The run file of a process that was killed stays, and its pid may be another process by now: only a listener answers.
  return run === undefined || !(await listens(run.socket)) ? undefined : controlClient(run.socket);
}

function listens(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const end = (answer: boolean) => (): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.on("connect", end(true));
    probe.on("error", end(false));
  });
}
