// The journal in memory, for tests and for worlds that are thrown away.

import { assert } from "../../air/error.ts";
import type { Journal, JournalTurn } from "../../ports.ts";

/** A journal that lives as long as the object. It keeps copies: what is handed in or out can be changed without harm. */
export function memoryJournal(): Journal {
  const turns: JournalTurn[] = [];
  let nextSeq = 0;
  let closed = false;

  async function append(group: readonly JournalTurn[]): Promise<void> {
    assert(!closed, "only an open journal is appended to");
    let seq = nextSeq;
    for (const turn of group) {
      assert(turn.firstSeq === seq, `a record's seq is the number of records before it (I1): expected ${seq}, got ${turn.firstSeq}`);
      assert(turn.records.length > 0, "a turn holds at least one record");
      seq += turn.records.length;
    }
    turns.push(...group.map(copyOf));
    nextSeq = seq;
  }

  async function* read(fromSeq: number): AsyncGenerator<JournalTurn> {
    const there = turns.length;
    for (let index = firstHolding(turns, fromSeq); index < there; index++) yield copyOf(turns[index] as JournalTurn);
  }

  return {
    get nextSeq() {
      return nextSeq;
    },
    append,
    read,
    async close() {
      closed = true;
    },
  };
}

/** Index of the turn that holds a seq: turns stand in order, so halving finds it. */
function firstHolding(turns: readonly JournalTurn[], seq: number): number {
  let low = 0;
  let high = turns.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const turn = turns[middle] as JournalTurn;
    if (turn.firstSeq + turn.records.length <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

function copyOf(turn: JournalTurn): JournalTurn {
  return { firstSeq: turn.firstSeq, records: turn.records.map((record) => new Uint8Array(record)) };
}
