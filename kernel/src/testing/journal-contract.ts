// What every journal promises, as tests that each adapter runs.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { InvariantError } from "../air/error.ts";
import type { Journal, JournalTurn } from "../ports.ts";

/** A turn whose records are made of its seq, so that none equals another. */
export function turnAt(firstSeq: number, recordCount: number): JournalTurn {
  const records = Array.from({ length: recordCount }, (_, i) => Uint8Array.from([firstSeq + i, i, ...Array(firstSeq % 7).fill(0xaa)]));
  return { firstSeq, records };
}

/** All that a journal reads from a seq on. */
export async function turnsFrom(journal: Journal, fromSeq: number): Promise<readonly JournalTurn[]> {
  const turns: JournalTurn[] = [];
  for await (const turn of journal.read(fromSeq)) turns.push(turn);
  return turns;
}

/**
 * Runs the contract of the `Journal` port.
 *
 * @param open - makes an empty journal; what it needs to clean up it registers with `t.after`
 */
export function journalContract(name: string, open: (t: TestContext) => Promise<Journal>): void {
  const turns = [turnAt(0, 1), turnAt(1, 3), turnAt(4, 1), turnAt(5, 2)];

  test(`journal ${name}: empty: next seq is 0 and nothing is read`, async (t) => {
    const journal = await open(t);
    assert.equal(journal.nextSeq, 0);
    assert.deepEqual(await turnsFrom(journal, 0), []);
    await journal.append([]);
    assert.equal(journal.nextSeq, 0);
    await journal.close();
  });

  const groupings = [
    { how: "one call a turn", groups: turns.map((turn) => [turn]) },
    { how: "one call for all", groups: [turns] },
    { how: "two and two", groups: [turns.slice(0, 2), turns.slice(2)] },
  ];
  assert.equal(groupings.length, 3);
  for (const { how, groups } of groupings) {
    test(`journal ${name}: turns appended ${how}: read back as they were, from any seq`, async (t) => {
      const journal = await open(t);
      for (const group of groups) await journal.append(group);
      assert.equal(journal.nextSeq, 7);
      const firstTurnRead = [0, 1, 1, 1, 2, 3, 3, 4, 4];
      for (const [fromSeq, index] of firstTurnRead.entries()) assert.deepEqual(await turnsFrom(journal, fromSeq), turns.slice(index), `from ${fromSeq}`);
      await journal.close();
    });
  }

  test(`journal ${name}: records of no bytes and of many: the same bytes`, async (t) => {
    const journal = await open(t);
    const odd = { firstSeq: 0, records: [new Uint8Array(), new Uint8Array(3_000_000).fill(7), new Uint8Array()] };
    await journal.append([odd, turnAt(3, 1)]);
    assert.deepEqual(await turnsFrom(journal, 0), [odd, turnAt(3, 1)]);
    await journal.close();
  });

  const wrong: readonly { readonly what: string; readonly group: readonly JournalTurn[] }[] = [
    { what: "a turn ahead of the next seq", group: [turnAt(2, 1)] },
    { what: "a turn behind the next seq", group: [turnAt(0, 1)] },
    { what: "a good turn and one that leaves a gap", group: [turnAt(1, 1), turnAt(3, 1)] },
    { what: "a turn without records", group: [{ firstSeq: 1, records: [] }] },
  ];
  assert.equal(wrong.length, 4);
  for (const { what, group } of wrong) {
    test(`journal ${name}: ${what}: invariant (I1, I2), nothing appended`, async (t) => {
      const journal = await open(t);
      await journal.append([turnAt(0, 1)]);
      await assert.rejects(journal.append(group), InvariantError);
      assert.equal(journal.nextSeq, 1);
      await journal.append([turnAt(1, 2)]);
      assert.deepEqual(await turnsFrom(journal, 0), [turnAt(0, 1), turnAt(1, 2)]);
      await journal.close();
    });
  }

  test(`journal ${name}: calls that do not wait for each other: kept in order`, async (t) => {
    const journal = await open(t);
    await Promise.all(turns.map((turn) => journal.append([turn])));
    assert.deepEqual(await turnsFrom(journal, 0), turns);
    await journal.close();
  });

  test(`journal ${name}: bytes changed after append or read: the journal keeps its own`, async (t) => {
    const journal = await open(t);
    const mine = turnAt(0, 1);
    await journal.append([mine]);
    mine.records[0]?.fill(0xff);
    const [read] = await turnsFrom(journal, 0);
    assert.deepEqual(read, turnAt(0, 1));
    read?.records[0]?.fill(0xff);
    assert.deepEqual(await turnsFrom(journal, 0), [turnAt(0, 1)]);
    await journal.close();
  });

  test(`journal ${name}: appended to while it is read: the reader sees what was there`, async (t) => {
    const journal = await open(t);
    await journal.append(turns.slice(0, 2));
    const seen: JournalTurn[] = [];
    for await (const turn of journal.read(0)) {
      seen.push(turn);
      if (seen.length === 1) await journal.append(turns.slice(2));
    }
    assert.deepEqual(seen, turns.slice(0, 2));
    assert.deepEqual(await turnsFrom(journal, 0), turns);
    await journal.close();
  });

  test(`journal ${name}: a reader that stops early: the journal goes on`, async (t) => {
    const journal = await open(t);
    await journal.append(turns.slice(0, 3));
    for await (const turn of journal.read(1)) {
      assert.equal(turn.firstSeq, 1);
      break;
    }
    await journal.append(turns.slice(3));
    assert.equal(journal.nextSeq, 7);
    await journal.close();
  });

  test(`journal ${name}: closed: appending breaks an invariant`, async (t) => {
    const journal = await open(t);
    await journal.close();
    await assert.rejects(journal.append([turnAt(0, 1)]), InvariantError);
    await journal.close();
  });
}
