import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { test } from "node:test";
import { InvariantError } from "../air/error.ts";
import { hex, unhex, utf8 } from "../air/hash.ts";
import { manualClock } from "../testing/manual-clock.ts";
import { systemClock } from "./clock.ts";
import { systemEntropy } from "./entropy.ts";
import { ed25519Signer } from "./signer.ts";

test("clock: system: nanoseconds since 1970, monotonic time does not go back", () => {
  const clock = systemClock();
  assert.equal(new Date(Number(clock.now() / 1_000_000n)).getUTCFullYear() >= 2024, true);
  const readings = Array.from({ length: 1000 }, () => clock.monotonic());
  assert.equal(readings.every((reading, i) => i === 0 || reading >= (readings[i - 1] ?? 0n)), true);
});

test("clock: manual: stands still, goes forward, wall time alone can jump back", () => {
  const clock = manualClock(1_000n);
  assert.deepEqual([clock.now(), clock.monotonic(), clock.now()], [1_000n, 0n, 1_000n]);
  clock.advance(5n);
  assert.deepEqual([clock.now(), clock.monotonic()], [1_005n, 5n]);
  clock.setWall(7n);
  assert.deepEqual([clock.now(), clock.monotonic()], [7n, 5n]);
  assert.throws(() => clock.advance(-1n), InvariantError);
});

test("entropy: system: as many bytes as asked for, never the same 32 again", () => {
  const entropy = systemEntropy();
  const lengths = [0, 1, 32, 70_000];
  for (const length of lengths) assert.equal(entropy.bytes(length).length, length);
  assert.equal(lengths.length, 4);
  const pieces = Array.from({ length: 1000 }, (_, index) => entropy.bytes(32 + (index % 40)));
  assert.deepEqual(pieces.map(({ length }) => length), pieces.map((_, index) => 32 + (index % 40)));
  // The first 32 bytes of each: pieces that overlapped, or were cut from bytes given away before, would have bytes in common.
  assert.equal(new Set(pieces.flatMap((piece) => [0, 8, 16, 24].map((at) => hex(piece.subarray(at, at + 8))))).size, 4000);
  assert.equal(pieces.every(({ buffer, length }) => buffer.byteLength === length), true, "a piece shows nothing beside it");
});

// RFC 8032, section 7.1, tests 1 to 3.
const vectors = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
];

test("signer: the vectors of RFC 8032: these keys and signatures", () => {
  for (const { seed, publicKey, message, signature } of vectors) {
    const signer = ed25519Signer(unhex(seed));
    assert.equal(hex(signer.publicKey), publicKey);
    assert.equal(hex(signer.sign(unhex(message))), signature);
  }
  assert.equal(vectors.length, 3);
});

test("signer: a signature: holds for its message and key, for no other message", () => {
  const signer = ed25519Signer(new Uint8Array(32).fill(7));
  const spki = Buffer.concat([unhex("302a300506032b6570032100"), signer.publicKey]);
  const key = createPublicKey({ key: spki, format: "der", type: "spki" });
  const signature = signer.sign(utf8("yes"));
  assert.equal(signature.length, 64);
  assert.equal(verify(null, utf8("yes"), key, signature), true);
  assert.equal(verify(null, utf8("no"), key, signature), false);
});

test("signer: a seed of another length: invariant", () => {
  const lengths = [0, 31, 33, 64];
  for (const length of lengths) assert.throws(() => ed25519Signer(new Uint8Array(length)), InvariantError);
  assert.equal(lengths.length, 4);
});
