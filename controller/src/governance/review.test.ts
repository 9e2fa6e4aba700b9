import assert from "node:assert/strict";
import { test } from "node:test";
import { hashValue } from "@agentos/kernel";
import { signingKey } from "../git/ed25519.ts";
import { parseOid } from "../git/objects.ts";
import { sshsigSign, sshsigVerify } from "../git/sshsig.ts";
import { REVIEW_NAMESPACE, collapseReviews, encodeReview, isSlug, parseReview, reviewBytes, verifyReview } from "./review.ts";
import type { Review, ReviewVerdict } from "./review.ts";

const key = signingKey(new Uint8Array(32).fill(7), "");
const REVIEW: Review = {
  v: 1,
  world: hashValue("world"),
  proposal: "raise-limit",
  head: parseOid("a".repeat(40)),
  verdict: "approve",
  cid: hashValue("cid"),
  message: 'two lines,\n"quoted" and \u{1f44d}',
  time: 1_700_000_000,
};
const verify = (blob: Uint8Array, namespace: string, message: Uint8Array): Uint8Array | undefined => sshsigVerify(blob, namespace, message)?.publicKey;

test("review: written and read: the same, on one line, its signature holds", () => {
  const line = encodeReview({ review: REVIEW, sig: sshsigSign(key, REVIEW_NAMESPACE, reviewBytes(REVIEW)) });
  assert.ok(!line.includes("\n"));
  const read = parseReview(line, "note");
  assert.deepEqual(read.review, REVIEW);
  assert.deepEqual(verifyReview(read, verify), key.publicKey);
});

test("review: any field changed after signing: the signature does not hold", () => {
  const sig = sshsigSign(key, REVIEW_NAMESPACE, reviewBytes(REVIEW));
  const changes: readonly Partial<Review>[] = [
    { world: hashValue("x") },
    { proposal: "other" },
    { head: parseOid("b".repeat(40)) },
    { verdict: "comment" },
    { cid: hashValue("x") },
    { message: "" },
    { time: 0 },
  ];
  let tried = 0;
  for (const change of changes) {
    assert.equal(verifyReview({ review: { ...REVIEW, ...change }, sig }, verify), undefined);
    tried++;
  }
  assert.equal(tried, Object.keys(REVIEW).length - 1);
});

test("review: signed for another purpose: the signature does not hold", () => {
  assert.equal(verifyReview({ review: REVIEW, sig: sshsigSign(key, "git", reviewBytes(REVIEW)) }, verify), undefined);
});

const written = (change: Record<string, unknown>): string => JSON.stringify({ ...REVIEW, sig: "AAAA", ...change });
const REFUSED: readonly (readonly [string, string, string])[] = [
  ["no JSON", "LGTM", "json.syntax"],
  ["an unknown field", written({ weight: 10 }), "review.invalid"],
  ["an unknown verdict", written({ verdict: "APPROVED" }), "review.invalid"],
  ["no signature", written({ sig: undefined }), "review.invalid"],
  ["a signature that is no base64", written({ sig: "AAA" }), "review.invalid"],
  ["a short head", written({ head: "aaaaaaa" }), "review.invalid"],
  ["a proposal that is a path", written({ proposal: "../main" }), "review.invalid"],
  ["a message of 4,001 characters", written({ message: "x".repeat(4001) }), "review.invalid"],
  ["time as text", written({ time: "now" }), "review.invalid"],
  ["a hash in upper case", written({ cid: REVIEW.cid.toUpperCase() }), "review.invalid"],
  ["a line beyond all measure", written({ message: "x".repeat(70_000) }), "review.invalid"],
];

for (const [what, line, code] of REFUSED)
  test(`review: ${what}: ${code}`, () => {
    assert.throws(() => parseReview(line, "note"), { code });
  });

test("review: a message of 4,000 characters outside the basic plane: read", () => {
  assert.equal(parseReview(written({ message: "\u{1f44d}".repeat(4000) }), "note").review.message.length, 8000);
});

/** One history: `<time> <verdict>` in the order in which the reviews stand; then the opinion. */
const HISTORIES: readonly (readonly [readonly string[], string])[] = [
  [["1 approve"], "approve"],
  [["1 request-changes"], "request-changes"],
  [["1 comment"], "none"],
  [["1 approve", "2 comment"], "approve"],
  [["1 request-changes", "2 comment"], "request-changes"],
  [["1 approve", "2 request-changes"], "request-changes"],
  [["1 request-changes", "2 approve"], "approve"],
  [["1 approve", "2 dismiss"], "none"],
  [["1 approve", "2 request-changes", "3 dismiss"], "none"],
  [["1 approve", "2 dismiss", "3 comment"], "none"],
  [["1 approve", "2 dismiss", "3 approve"], "approve"],
  [["2 approve", "1 request-changes"], "approve"],
  [["2 request-changes", "1 approve"], "request-changes"],
  [["1 approve", "1 request-changes"], "request-changes"],
  [["1 request-changes", "1 approve"], "approve"],
];

for (const [history, opinion] of HISTORIES)
  test(`collapse: ${history.join(", ")}: ${opinion}`, () => {
    const reviews = history.map((row) => {
      const [time, verdict] = row.split(" ");
      return { principal: "reviewer", review: { ...REVIEW, time: Number(time), verdict: verdict as ReviewVerdict } };
    });
    assert.deepEqual(collapseReviews(reviews).map(({ kind }) => kind), [opinion]);
  });

test("collapse: two persons: one opinion each, sorted by name", () => {
  const by = (principal: string, verdict: ReviewVerdict): { principal: string; review: Review } => ({ principal, review: { ...REVIEW, verdict } });
  const opinions = collapseReviews([by("second", "approve"), by("first", "request-changes"), by("second", "comment")]);
  assert.deepEqual(opinions.map(({ principal, kind }) => [principal, kind]), [["first", "request-changes"], ["second", "approve"]]);
});

test("slug: what a proposal may be called", () => {
  const good = ["a", "raise-limit", "2024", "agent/helper/raise-limit", "a".repeat(64)];
  const bad = ["", "agent", "Raise", "a b", "a/b", "a..b", "-a", "agent/helper", "agent/Helper/x", "../x", "x.lock", "a".repeat(65), "agent//x"];
  assert.deepEqual(good.filter((slug) => !isSlug(slug)), []);
  assert.deepEqual(bad.filter(isSlug), []);
});
