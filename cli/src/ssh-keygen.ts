// What git asks of OpenSSH's ssh-keygen, for machines without it: Ed25519 keys without a passphrase sign, and signatures are judged by
// a file of allowed signers. Its words, its output and its exit codes; what it does not know it refuses.

import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { AosError } from "@agentos/kernel";
import { armor, dearmor, generateKey, keyId, publicKeyLine, readPrivateKey, readSshKey, sshsigKey, sshsigSign, sshsigVerify, writeKey } from "@agentos/controller";

interface Asked {
  readonly action: string;
  readonly flags: { readonly [letter: string]: string | undefined };
  readonly files: readonly string[];
}
interface Answer {
  readonly out?: string;
  readonly err?: string;
  readonly code: number;
}

/** As ssh-keygen ends where a signature is not believed, or it is asked for what cannot be. */
const REFUSED = 255;
const LETTERS = ["Y", "n", "f", "I", "s", "O", "r", "t", "N", "C"];
const SWITCHES = ["q", "U", "y", "l"];

export async function main(words: readonly string[]): Promise<void> {
  const { out = "", err = "", code } = await answerTo(words).catch(refusal);
  process.stdout.write(out);
  process.stderr.write(err);
  process.exitCode = code;
}

function refusal(error: unknown): Answer {
  if (!(error instanceof Error)) throw error;
  return { err: `${error.message}\n`, code: REFUSED };
}

function unverified(error: unknown): Answer {
  return { ...refusal(error), out: "Could not verify signature.\n" };
}

async function answerTo(words: readonly string[]): Promise<Answer> {
  const asked = readWords(words);
  switch (asked.action) {
    case "sign":
      return sign(asked);
    case "find-principals":
      return findPrincipals(asked);
    case "verify":
      return verify(asked).catch(unverified);
    case "check-novalidate":
      return checkAlone(asked).catch(unverified);
    case "y":
      return { out: `${publicKeyLine(await readPrivateKey(need(asked, "f")))}\n`, code: 0 };
    case "l":
      return list(need(asked, "f"));
    case "t":
      return make(asked);
    default:
      throw new Error(`${asked.action}: not known here: install OpenSSH`);
  }
}

function readWords(words: readonly string[]): Asked {
  const option = (letter: string, type: "string" | "boolean") => [letter, { type, short: letter }] as const;
  const options = Object.fromEntries([...LETTERS.map((letter) => option(letter, "string")), ...SWITCHES.map((letter) => option(letter, "boolean"))]);
  const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true });
  const flags = Object.fromEntries(LETTERS.map((letter) => [letter, typeof values[letter] === "string" ? values[letter] : undefined]));
  if (values["U"] === true) throw new Error("-U: no agent is asked here: name a private key, or install OpenSSH");
  const action = flags["Y"] ?? (values["y"] === true ? "y" : values["l"] === true ? "l" : flags["t"] === undefined ? "nothing asked" : "t");
  return { action, flags, files: positionals };
}

function need({ action, flags }: Asked, letter: string): string {
  const value = flags[letter];
  if (value === undefined) throw new Error(`${action}: -${letter} is missing`);
  return value;
}

/** Each file's signature goes beside it; that of standard input to standard output. */
async function sign(asked: Asked): Promise<Answer> {
  const [namespace, path] = [need(asked, "n"), need(asked, "f")];
  const key = await readPrivateKey(path.endsWith(".pub") ? path.slice(0, -".pub".length) : path);
  if (asked.files.length === 0) return { out: armor(sshsigSign(key, namespace, await readInput())), code: 0 };
  for (const file of asked.files) await writeFile(`${file}.sig`, armor(sshsigSign(key, namespace, await readFile(file))), { flag: "wx" });
  return { code: 0 };
}

async function findPrincipals(asked: Asked): Promise<Answer> {
  const key = sshsigKey(await signatureOf(asked));
  const found = key === undefined ? [] : (await allowedSigners(need(asked, "f"))).filter((signer) => signer.key === keyId(key));
  if (found.length === 0) return { err: "No principal matched.\n", code: REFUSED };
  return { out: `${[...new Set(found.flatMap(({ principals }) => principals))].join("\n")}\n`, code: 0 };
}

async function verify(asked: Asked): Promise<Answer> {
  const [principal, namespace] = [need(asked, "I"), need(asked, "n")];
  if (asked.flags["r"] !== undefined) throw new Error("-r: revocation lists are not known here: install OpenSSH");
  const key = await signedBy(asked, namespace);
  const believed = (await allowedSigners(need(asked, "f"))).some(
    (signer) => signer.key === key && signer.principals.includes(principal) && (signer.namespaces === undefined || signer.namespaces.includes(namespace)),
  );
  if (!believed) throw new Error(`${key} may not sign ${namespace} as ${principal}`);
  return { out: `Good "${namespace}" signature for ${principal} with ED25519 key ${key}\n`, code: 0 };
}

async function checkAlone(asked: Asked): Promise<Answer> {
  const namespace = need(asked, "n");
  return { out: `Good "${namespace}" signature with ED25519 key ${await signedBy(asked, namespace)}\n`, code: 0 };
}

/** @returns the fingerprint of the key that signed standard input */
async function signedBy(asked: Asked, namespace: string): Promise<string> {
  const signed = sshsigVerify(await signatureOf(asked), namespace, await readInput());
  if (signed === undefined) throw new Error("Signature verification failed: incorrect signature");
  return keyId(signed.publicKey);
}

async function signatureOf(asked: Asked): Promise<Uint8Array> {
  const path = need(asked, "s");
  const blob = dearmor(await readFile(path, "utf8"));
  if (blob === undefined) throw new Error(`${path}: not an SSH signature`);
  return blob;
}

async function list(path: string): Promise<Answer> {
  const key = readSshKey((await readFile(path, "utf8")).trim());
  if ("problem" in key) throw new Error(`${path}: ${key.problem}`);
  return { out: `256 ${key.id} ${key.comment === "" ? "no comment" : key.comment} (ED25519)\n`, code: 0 };
}

async function make(asked: Asked): Promise<Answer> {
  if (asked.flags["t"] !== "ed25519" || (asked.flags["N"] ?? "") !== "") throw new Error("only Ed25519 keys without a passphrase are made here: install OpenSSH");
  await writeKey(need(asked, "f"), generateKey(asked.flags["C"] ?? ""));
  return { code: 0 };
}

interface AllowedSigner {
  readonly principals: readonly string[];
  /** Undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  /** A fingerprint. */
  readonly key: string;
}

/** Principals, the option `namespaces` or none, a key. */
const SIGNER_LINE = /^(?:"([^"]*)"|(\S+))[ \t]+(?:namespaces="([^"]*)"[ \t]+)?(ssh-ed25519[ \t].*)$/;
/** Of names that stand for several. */
const PATTERN = /[*?!]/;

/** The lines that are understood whole: nobody is believed by half a line, such as one that ends at a time. */
async function allowedSigners(path: string): Promise<readonly AllowedSigner[]> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AosError("signers.missing", `${path}: the file of allowed signers cannot be read`, { cause });
  });
  return text.split("\n").flatMap((line): readonly AllowedSigner[] => {
    const [, quoted, plain, namespaces, keyLine] = SIGNER_LINE.exec(line.trim()) ?? [];
    const principals = (quoted ?? plain ?? "").split(",");
    const key = keyLine === undefined ? undefined : readSshKey(keyLine.replaceAll(/[ \t]+/g, " "));
    if (key === undefined || "problem" in key || principals.some((name) => PATTERN.test(name)) || PATTERN.test(namespaces ?? "")) return [];
    return [{ principals, namespaces: namespaces?.split(","), key: key.id }];
  });
}

async function readInput(): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
