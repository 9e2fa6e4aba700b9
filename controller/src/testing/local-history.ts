// Plays a review history through the local forge: a real repository, real signatures, real notes.

import { assert, ZERO_HASH } from "@agentos/kernel";
import type { Answer } from "../forge/forge.ts";
import { writeReview } from "../forge/local-reviews.ts";
import { parseOid } from "../git/objects.ts";
import { keyId } from "../governance/ssh-key.ts";
import type { AtEnd } from "./at-end.ts";
import { governedWorld, keyNamed, principalNamed, trustText, type GovernedWorld } from "./governed-world.ts";
import { beginPlay, judged, moveMain, NOBODYS, playChange, SLUG, type Played } from "./history-play.ts";
import type { ReviewHistory, Step } from "./review-histories.ts";

/** Does all that a history says and asks for the decision. */
export async function playLocally(t: AtEnd, history: ReviewHistory): Promise<Answer> {
  const { policy, roles, steps } = history;
  const world = await governedWorld(t, {
    ...(policy === undefined ? {} : { policy: `${JSON.stringify(policy)}\n` }),
    ...(roles === undefined ? {} : { trust: trustText({ roles }) }),
  });
  const played = beginPlay(world);
  for (const step of steps) await play(played, step);
  return judged(world, history);
}

async function play(played: Played, step: Step): Promise<void> {
  const { world } = played;
  switch (step.do) {
    case "review":
      return review(played, step);
    case "retire": case "remove": case "rename":
      await moveMain(world, { ".aos/trust.json": await changedTrust(world, step) });
      return report(played);
    default:
      await playChange(played, step);
      return report(played);
  }
}

async function report({ world, brings, reported }: Played): Promise<void> {
  if (reported) await world.report(await world.head(SLUG), { by: "ctl", brings });
}

async function review({ world, first }: Played, step: Extract<Step, { do: "review" }>): Promise<void> {
  const { by, verdict, of, times = 1 } = step;
  const writer = { key: keyNamed(by), principal: principalNamed(by) };
  for (let count = 0; count < times; count++) {
    if (of === "nothing") {
      await writeReview(world.local, { world: world.world, proposal: SLUG, head: parseOid(NOBODYS), verdict, cid: ZERO_HASH, message: "" }, { ...writer, timeSeconds: world.tick() });
    } else if (times > 1) {
      // A comment binds to nothing, so it is not asked again each time what it would bind to.
      await writeReview(world.local, { world: world.world, proposal: SLUG, head: await world.head(SLUG), verdict, cid: ZERO_HASH, message: `${count}` }, { ...writer, timeSeconds: world.tick() });
    } else {
      await world.review(SLUG, verdict, { by, ...(of === "first" && first !== undefined ? { head: first } : {}) });
    }
  }
}

async function changedTrust(world: GovernedWorld, step: Extract<Step, { do: "retire" | "remove" | "rename" }>): Promise<string> {
  const bytes = await world.local.store.readPath(await world.main(), ".aos/trust.json");
  assert(bytes !== undefined, "main has a trust file");
  const trust = JSON.parse(Buffer.from(bytes).toString("utf8")) as { principals: Record<string, { kind: string; keys: string[] }>; retired?: object[] };
  const { principals } = trust;
  switch (step.do) {
    case "retire":
      trust.retired = [...(trust.retired ?? []), { key: keyId(keyNamed(step.key).publicKey), principal: step.principal, fromSeq: 1 }];
      break;
    case "remove":
      delete principals[step.principal];
      break;
    case "rename": {
      const principal = principals[step.principal];
      assert(principal !== undefined, "whoever is renamed is there");
      // What somebody is called outside stands behind the key, as ssh-keygen writes it; nothing depends on it.
      principal.keys = principal.keys.map((line) => `${line.split(" ").slice(0, 2).join(" ")} ${step.to}`);
      break;
    }
  }
  return `${JSON.stringify(trust, undefined, 2)}\n`;
}
