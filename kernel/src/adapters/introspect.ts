// Carries out the `introspect.*` effects: a plan reads the world it runs in.

import { canonical } from "../air/cbor.ts";
import { AosError, assert } from "../air/error.ts";
import { compareBytes } from "../air/hash.ts";
import { bareValue } from "../air/serialize.ts";
import type { Encodable } from "../air/value.ts";
import { trieGet, trieGroup } from "../core/trie.ts";
import { cellKey, type Cell, type World } from "../core/world.ts";
import type { Adapter } from "../ports.ts";
import type { AdapterEnv } from "./env.ts";
import { answerCall, type Params } from "./params.ts";

/** Cells of one listing: it goes into the journal. */
const LISTED_CELLS_MAX = 10_000;

type Operation = (world: World, params: Params) => Encodable;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  "introspect.manifest"(world, params) {
    checkConsistency(world, params.text("consistency"));
    return { manifest: canonical(bareValue(controlOf(world).manifest)), meta: metaOf(world) };
  },
  "introspect.reducer_state"(world, params) {
    checkConsistency(world, params.text("consistency"));
    const cell = trieGet(world.cells, cellKey(params.text("reducer"), params.maybeBytes("key")));
    return { state: cell?.state ?? null, meta: metaOf(world) };
  },
  "introspect.journal_head": (world) => ({ meta: metaOf(world) }),
  "introspect.list_cells"(world, params) {
    const cells = cellsOf(world, params.text("reducer"));
    return { cells: cells.map(({ key, hash, state }) => ({ key: key ?? new Uint8Array(0), state_hash: hash, size: state.length, last_active_ns: 0 })), meta: metaOf(world) };
  },
};

/**
 * The adapter `introspect`. It answers from the world as it is durable at the time of the call, which is past the effect's own
 * intent; `meta.journal_height` says how far. Reading again does no harm, so each may be sent again, and may then tell more.
 *
 * - `consistency` is `head`, `at_least:H` or `exact:H` (any case), H a number of records. A height that is not there yet, and an
 *   exact one that is not the head, are an `error` with code `introspect.height`; what is none of the three, `introspect.consistency`.
 * - `key` is the canonical bytes of the cell's key, as `list_cells` gives them.
 * - `list_cells` is sorted by key; a reducer without keys has one cell, with an empty key. When a cell was last written is no
 *   part of a world: `last_active_ns` is 0. More than 10,000 cells are an `error`, `introspect.too_large`.
 */
export function introspectAdapter({ world }: Pick<AdapterEnv, "world">): Adapter {
  return {
    id: "introspect",
    effects: Object.keys(OPERATIONS),
    resend: () => "again",
    run: (call) => answerCall(call, (params) => operation(call.effect)(world(), params)),
  };
}

function operation(effect: string): Operation {
  const found = OPERATIONS[effect];
  assert(found !== undefined, "an adapter is called for the effects it names");
  return found;
}

function controlOf(world: World): NonNullable<World["control"]> {
  if (world.control === undefined) throw new AosError("world.empty", "no control plane is in force yet");
  return world.control;
}

function metaOf(world: World): Encodable {
  return { journal_height: world.nextSeq, snapshot_hash: null, manifest_hash: controlOf(world).manifestHash };
}

function checkConsistency(world: World, consistency: string): void {
  const asked = /^\s*(?:(head)|(exact|at_least)\s*:\s*(\d{1,20}))\s*$/i.exec(consistency);
  if (asked === null) {
    throw new AosError("introspect.consistency", `consistency: ${JSON.stringify(consistency)} is none that can be had`, { hint: "say head, at_least:H or exact:H" });
  }
  const [, head, mode, height = "0"] = asked;
  if (head !== undefined) return;
  const wanted = BigInt(height);
  const at = BigInt(world.nextSeq);
  if (mode?.toLowerCase() === "exact" ? at !== wanted : at < wanted) {
    throw new AosError("introspect.height", `consistency: ${consistency.trim()} cannot be had, the head is ${at}`, { hint: "only the head can be read: say head" });
  }
}

function cellsOf(world: World, reducer: string): readonly Cell[] {
  const cells: Cell[] = [];
  for (const [, , cell] of trieGroup(world.cells, reducer)) {
    if (cells.length === LISTED_CELLS_MAX) {
      throw new AosError("introspect.too_large", `${reducer}: it has more than ${LISTED_CELLS_MAX} cells`, { hint: "read cells one by one, by their keys" });
    }
    cells.push(cell);
  }
  return cells.sort((a, b) => compareBytes(a.key ?? new Uint8Array(0), b.key ?? new Uint8Array(0)));
}
