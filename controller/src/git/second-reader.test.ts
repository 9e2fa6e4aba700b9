// Two other implementations read what our writer wrote: isomorphic-git its objects, simple-git (stock git) its history.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { test } from "node:test";
import isomorphic from "isomorphic-git";
import { simpleGit } from "simple-git";
import { IDENTITY, T0, temporaryRepo, testKey } from "./fixture.ts";
import { appendSigned } from "./signed-ref.ts";

const REF = "refs/notes/aos";

test("written objects: isomorphic-git and simple-git: read the same commits, trees and files", async (t) => {
  const { gitDir, store } = await temporaryRepo(t);
  const commits: string[] = [];
  for (const number of [0, 1, 2]) {
    const entries = new Map([[`journal/d00/d00/s0${number}`, new TextEncoder().encode(`segment ${number}`)]]);
    const appended = await appendSigned({ store, ref: REF, key: testKey(1), identity: IDENTITY, message: `seal ${number}\n`, timeSeconds: T0, changes: { notes: new Map(), entries } });
    assert.equal(appended.kind, "updated");
    if (appended.kind === "updated") commits.unshift(appended.commit);
  }
  const [tip = ""] = commits;

  const read = { fs, gitdir: gitDir };
  assert.equal(await isomorphic.resolveRef({ ...read, ref: REF }), tip);
  const log = await isomorphic.log({ ...read, ref: tip });
  assert.deepEqual(log.map(({ oid }) => oid), commits);
  const { blob } = await isomorphic.readBlob({ ...read, oid: tip, filepath: "journal/d00/d00/s01" });
  assert.equal(new TextDecoder().decode(blob), "segment 1");

  const git = simpleGit(gitDir);
  assert.deepEqual((await git.log([REF])).all.map(({ hash, message }) => [hash, message]), commits.map((hash, index) => [hash, `seal ${2 - index}`]));
  assert.equal(await git.raw(["show", `${REF}:journal/d00/d00/s02`]), "segment 2");
});
