// What an example is: a world of the `examples` folder, and a run of it with an expected end.

import type { ControlPlane, Host, JournalRecord, RecordKind, Scenario, Value } from "@agentos/kernel";
import type { LoadedWorld } from "@agentos/controller";

export interface Example {
  /** Two digits, as in the folder's name. */
  readonly number: string;
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  /** Runs it to its end. @throws AssertionError where it does not end as expected */
  run(world: ExampleWorld): Promise<void>;
}

/** A world opened for an example: in a temporary folder, with its modules really built and its journal really written. */
export interface ExampleWorld {
  readonly folder: string;
  readonly host: Host;
  readonly scenarios: readonly Scenario[];
  /** Prints an indented line of progress. */
  say(text: string): void;
  /** Sends an event, waits until the world is at rest, and gives the records made since. */
  send(schema: string, value: Value | object): Promise<readonly JournalRecord[]>;
  /** The state of a reducer without keys: its value as plain JSON, and its canonical bytes. */
  state(reducer: string): { readonly json: unknown; readonly bytes: Uint8Array };
  /** The world of this folder with the files of another folder laid over it. */
  overlay(folder: string): Promise<LoadedWorld & { readonly control: ControlPlane }>;
  /** Every record so far. */
  records(): readonly JournalRecord[];
}

export function ofKind<K extends RecordKind>(records: readonly JournalRecord[], kind: K): readonly JournalRecord<K>[] {
  return records.filter((record): record is JournalRecord<K> => record.kind === kind);
}
