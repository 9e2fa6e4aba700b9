// What grants may spend: set aside when an effect is asked for, settled when its receipt is there, given back when none will count.

import { decode } from "../air/cbor.ts";
import type { ControlPlane } from "../air/types.ts";
import { integer, type Value, type ValueMap } from "../air/value.ts";
import { machineOf, type Grant } from "./machine.ts";
import type { Input } from "./record.ts";
import { trieDelete, trieEntries, trieGet, trieSet } from "./trie.ts";
import { machine, record, writable, type Turn } from "./turn.ts";
import type { OpenIntent, Spend, World } from "./world.ts";

const DIMENSIONS = ["calls", "tokens", "cents", "bytes"] as const;
type Dimension = (typeof DIMENSIONS)[number];

const NOTHING: Spend = { calls: 0n, tokens: 0n, cents: 0n, bytes: 0n };

/** What an effect asks for before it runs. `open` are the dimensions that only its receipt will tell: they need room, not an amount. */
interface Ask {
  readonly spend: Spend;
  readonly open: readonly Dimension[];
}

/** One call; `max_tokens` of a model call; the bytes of the params. Cents, and tokens without a maximum, are known afterwards. */
function askOf(effect: string, params: Uint8Array): Ask {
  const wanted = effect === "llm.generate" ? natAt(decode(params), "max_tokens") : 0n;
  return {
    spend: { calls: 1n, tokens: wanted ?? 0n, cents: 0n, bytes: BigInt(params.length) },
    open: wanted === undefined ? ["tokens", "cents"] : ["cents"],
  };
}

/**
 * May the grant spend what this effect asks for?
 *
 * @returns what is to be set aside, undefined where the grant has no budget; or why not
 */
export function askBudget(world: World, grant: Grant, effect: { readonly effect: string; readonly params: Uint8Array }): Spend | undefined | { readonly refusal: string } {
  if (grant.budget === undefined) return undefined;
  const spent = trieGet(world.spent, grant.name) ?? NOTHING;
  const { spend, open } = askOf(effect.effect, effect.params);
  for (const dimension of DIMENSIONS) {
    const limit = grant.budget[dimension];
    if (limit === undefined) continue;
    const [had, asked] = [spent[dimension], spend[dimension]];
    const fits = open.includes(dimension) ? had < limit : had + asked <= limit;
    if (!fits) return { refusal: `${grant.name}: ${dimension} are limited to ${limit}, ${had} spent, ${open.includes(dimension) ? "more" : asked} asked` };
  }
  return spend;
}

export function reserve(turn: Turn, grant: string, amount: Spend | undefined): void {
  if (amount !== undefined) change(turn, grant, { plus: amount, minus: NOTHING });
}

/** Gives back what was set aside for an effect whose receipt will not count. */
export function release(turn: Turn, effect: Pick<OpenIntent, "cap" | "reserved">): void {
  if (effect.reserved !== undefined && trieGet(turn.world.spent, effect.cap) !== undefined) change(turn, effect.cap, { plus: NOTHING, minus: effect.reserved });
}

/** Books what an effect really took, where its grant has a budget now. */
export function settleBudget(turn: Turn, open: OpenIntent, receipt: Input<"receipt">, cause: number): void {
  if (machine(turn).grants.get(open.cap)?.budget === undefined) return;
  const took = tookOf(open, receipt);
  const spent = change(turn, open.cap, { plus: took, minus: open.reserved ?? NOTHING });
  record(turn, { kind: "settled", cap: open.cap, intent_seq: open.seq, took: spendValue(took), spent: spendValue(spent), cause });
}

/**
 * One call, the tokens and cents its receipt names, the bytes that went out and came in. A receipt that names no tokens (nobody
 * knows the outcome) takes what was set aside: the far side may have charged for it.
 */
function tookOf(open: OpenIntent, receipt: Input<"receipt">): Spend {
  const payload = decode(receipt.payload);
  const usage = payload instanceof Map ? ((payload as ValueMap).get("token_usage") ?? null) : null;
  const cents = receipt.cost_cents === undefined ? natAt(payload, "cost_cents") : BigInt(receipt.cost_cents);
  return {
    calls: 1n,
    tokens: usage === null ? (open.reserved?.tokens ?? 0n) : (natAt(usage, "prompt") ?? 0n) + (natAt(usage, "completion") ?? 0n),
    cents: cents ?? 0n,
    bytes: BigInt(open.params.length + receipt.payload.length) + (natAt(payload, "size") ?? 0n),
  };
}

/** A control plane comes into force: the ledgers of grants that have no budget in it go, the others stay as they are. */
export function dropLedgers(turn: Turn, control: ControlPlane): void {
  const { grants } = machineOf(control);
  let { spent } = turn.world;
  for (const [name] of trieEntries(turn.world.spent)) {
    if (grants.get(name)?.budget === undefined) spent = trieDelete(spent, name);
  }
  writable(turn).spent = spent;
}

/** As records hold it. */
export function spendValue(spend: Spend): ReadonlyMap<string, Value> {
  return new Map(DIMENSIONS.map((dimension) => [dimension, integer(spend[dimension])]));
}

/** A ledger that began after an effect was sent may owe less than the effect set aside. */
function change(turn: Turn, grant: string, by: { readonly plus: Spend; readonly minus: Spend }): Spend {
  const before = trieGet(turn.world.spent, grant) ?? NOTHING;
  const at = (dimension: Dimension): bigint => atLeastZero(before[dimension] - by.minus[dimension]) + by.plus[dimension];
  const after: Spend = { calls: at("calls"), tokens: at("tokens"), cents: at("cents"), bytes: at("bytes") };
  writable(turn).spent = trieSet(turn.world.spent, grant, after);
  return after;
}

function atLeastZero(amount: bigint): bigint {
  return amount < 0n ? 0n : amount;
}

function natAt(value: Value, field: string): bigint | undefined {
  const found: unknown = value instanceof Map ? (value as ValueMap).get(field) : undefined;
  return (typeof found === "number" && Number.isSafeInteger(found) && found >= 0) || (typeof found === "bigint" && found >= 0n) ? BigInt(found) : undefined;
}
