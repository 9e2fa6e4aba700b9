import { test } from "node:test";
import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { Point, hashes, sign as twinSign, verify as twinVerify } from "@noble/ed25519";
import { assertStrongKey, signingKey, verifyEd25519 } from "./ed25519.ts";

hashes.sha512 = (message: Uint8Array) => new Uint8Array(createHash("sha512").update(message).digest());

const SPKI_HEAD = Buffer.from("302a300506032b6570032100", "hex");
function nodeVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return verify(null, message, createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: "der", type: "spki" }), signature);
}

/** Every 32 bytes that some verifier takes for a point of order 1, 2, 4 or 8: found by trying, not from a list. */
function smallOrderEncodings(): readonly Uint8Array[] {
  const prime = 2n ** 255n - 19n;
  // A point of order 8: L times a point outside the prime-order group.
  let generator: Point | undefined;
  for (let y = 2; generator === undefined; y++) {
    const bytes = new Uint8Array(32);
    bytes[0] = y;
    try {
      const point = Point.fromBytes(bytes).multiply(Point.CURVE().n - 1n, false).add(Point.fromBytes(bytes));
      if (!point.double().double().is0()) generator = point;
    } catch {
      continue; // not on the curve
    }
  }
  const ys = new Set<bigint>();
  for (let at = 0, point = Point.ZERO; at < 8; at++, point = point.add(generator)) {
    ys.add(point.y);
    if (point.y < 19n) ys.add(point.y + prime);
  }
  return [...ys].flatMap((y) => [y, y + 2n ** 255n].map((value) => Uint8Array.from(Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse())));
}

test("ed25519: messages signed here and by the portable twin: same bytes, each accepts the other", () => {
  let count = 0;
  for (let at = 0; at < 20; at++) {
    const seed = new Uint8Array(createHash("sha256").update(`seed ${at}`).digest());
    const message = new Uint8Array(at * 7).fill(at);
    const key = signingKey(seed, "");
    const signature = key.sign(message);
    assert.deepEqual(signature, new Uint8Array(twinSign(message, seed)));
    assert.ok(verifyEd25519(key.publicKey, message, signature) && twinVerify(signature, message, key.publicKey, { zip215: false }));
    signature[at] = (signature[at] ?? 0) ^ 1;
    assert.ok(!verifyEd25519(key.publicKey, message, signature) && !twinVerify(signature, message, key.publicKey, { zip215: false }));
    assertStrongKey(key.publicKey);
    count++;
  }
  assert.equal(count, 20);
});

test("ed25519: small-order keys: node alone accepts a signature anybody can write, we refuse every encoding", () => {
  const anybodys = new Uint8Array(64);
  anybodys[0] = 1; // R is the neutral point, S is zero
  const message = Buffer.from("anything");
  const encodings = smallOrderEncodings();
  assert.equal(encodings.length, 14);
  const acceptedByNode = encodings.filter((key) => nodeVerify(key, message, anybodys));
  assert.ok(acceptedByNode.length > 0);
  for (const key of encodings) {
    assert.equal(verifyEd25519(key, message, anybodys), false);
    assert.throws(() => assertStrongKey(key), { code: "key.weak" });
  }
});

test("assertStrongKey: no sound key: key.weak", () => {
  const good = signingKey(new Uint8Array(32).fill(9), "").publicKey;
  const torsion = smallOrderEncodings().map((bytes) => {
    try {
      return Point.fromBytes(bytes);
    } catch {
      return Point.ZERO;
    }
  });
  const mixed = torsion.filter((point) => !point.is0()).map((point) => Uint8Array.from(Point.fromBytes(good).add(point).toBytes()));
  const offCurve = new Uint8Array(32).fill(0x42);
  assert.throws(() => Point.fromBytes(offCurve));
  const bad = [offCurve, good.subarray(1), new Uint8Array(33), new Uint8Array(0), ...mixed];
  assert.ok(mixed.length >= 7);
  for (const key of bad) assert.throws(() => assertStrongKey(key), { code: "key.weak" });
  assertStrongKey(good);
});
