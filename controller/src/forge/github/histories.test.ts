import assert from "node:assert/strict";
import { test } from "node:test";
import { isAboutAccounts, playOnGithub } from "../../testing/github-double/history.ts";
import { reviewHistories } from "../../testing/review-histories.ts";

const told = reviewHistories.filter(isAboutAccounts);

for (const history of told)
  test(`review history on GitHub: ${history.name}: ${history.expect}`, async (t) => {
    const { verdict, reasons, ignored } = await playOnGithub(t, history);
    assert.equal(verdict, history.expect, JSON.stringify([reasons.filter(({ holds }) => !holds), ignored]));
  });

test("review histories on GitHub: all but those about keys are told", () => {
  assert.ok(told.length >= 50, `${told.length} of ${reviewHistories.length}`);
});
