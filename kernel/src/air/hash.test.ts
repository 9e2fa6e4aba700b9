import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { AosError } from "./error.ts";
import {
  bytesEqual, compareBytes, fromUtf8, hashBytes, hashToRaw, hashValue, hex, isHash, parseHash, rawToHash, sha256, unhex, utf8, ZERO_HASH,
} from "./hash.ts";

const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

test("hash: sha256: the published digest of abc, and what the platform computes for other lengths", () => {
  assert.equal(hex(sha256(utf8("abc"))), ABC);
  assert.equal(hashBytes(utf8("abc")), `sha256:${ABC}`);
  let count = 0;
  for (const size of [0, 1, 55, 56, 63, 64, 65, 1000, 100_000]) {
    const bytes = new Uint8Array(size).fill(size);
    assert.equal(hex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
    count++;
  }
  assert.equal(count, 9);
});

test("hash: raw and text forms: each gives the other", () => {
  const hash = hashValue({});
  assert.equal(rawToHash(hashToRaw(hash)), hash);
  assert.equal(hashToRaw(hash).length, 32);
  assert.deepEqual(hashToRaw(ZERO_HASH), new Uint8Array(32));
  assert.throws(() => rawToHash(new Uint8Array(31)), { code: "air.hash" });
});

const TEXTS: readonly (readonly [string, string, "canonical" | "readable" | "refused"])[] = [
  ["lower case", `sha256:${ABC}`, "canonical"],
  ["upper-case digits", `sha256:${ABC.toUpperCase()}`, "readable"],
  ["upper-case algorithm", `SHA256:${ABC}`, "refused"],
  ["too short", `sha256:${ABC.slice(1)}`, "refused"],
  ["too long", `sha256:${ABC}0`, "refused"],
  ["no digits", `sha256:${"g".repeat(64)}`, "refused"],
  ["no algorithm", ABC, "refused"],
  ["a line break at the end", `sha256:${ABC}\n`, "refused"],
  ["empty", "", "refused"],
];
for (const [situation, text, verdict] of TEXTS) {
  test(`hash text: ${situation}: ${verdict}`, () => {
    assert.equal(isHash(text), verdict === "canonical");
    if (verdict === "refused") assert.throws(() => parseHash(text), { code: "air.hash" });
    else assert.equal(parseHash(text), `sha256:${ABC}`);
  });
}

test("hex: bytes and back: either case is read, anything else is air.hex", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.equal(hex(all), Buffer.from(all).toString("hex"));
  assert.deepEqual(unhex(hex(all)), all);
  assert.deepEqual(unhex(hex(all).toUpperCase()), all);
  for (const text of ["0", "0g", "0x", " 00"]) assert.throws(() => unhex(text), { code: "air.hex" });
});

test("utf8: text and back: nothing is normalised or dropped, lone surrogates and bad bytes are refused", () => {
  for (const text of ["", "abc", "e\u0301", "\ufeffx", "😀", "\u0000"]) {
    assert.deepEqual(utf8(text), new Uint8Array(Buffer.from(text)));
    assert.equal(fromUtf8(utf8(text)), text);
  }
  assert.throws(() => utf8("\ud800"), (error: unknown) => error instanceof AosError && error.code === "air.value");
  assert.throws(() => fromUtf8(new Uint8Array([0xff])), { code: "air.utf8" });
});

test("bytes: order and equality: lexicographic, a prefix first", () => {
  const sorted = ["", "00", "0000", "0001", "01", "7f", "80", "ff", "ff00"].map(unhex);
  let count = 0;
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) {
      assert.equal(Math.sign(compareBytes(a, b)), Math.sign(i - j));
      assert.equal(bytesEqual(a, b), i === j);
      count++;
    }
  }
  assert.equal(count, 81);
});
