// What an example is: a world of the `examples` folder, the outside it meets, and a run of it with an expected end.

import type { ApprovalOffer, Blobs, ControlPlane, Hash, Host, JournalRecord, RecordKind, Scenario, Value } from "@agentos/kernel";
import type { LoadedWorld } from "@agentos/controller";

export interface Example {
  /** Two digits, as in the folder's name. */
  readonly number: string;
  readonly slug: string;
  readonly title: string;
  readonly summary: string;
  /** The main reducer: it has no keys, and its state is what the run ends in. */
  readonly reducer: string;
  /** Folders of worlds that are the same but for the language of their modules: they must end in the same state, by the same intents. */
  readonly twins?: readonly string[];
  /** Other outsides that the same world is run in, each time from its beginning. */
  readonly variants?: readonly { readonly name: string; begin(): Promise<Scene> }[];
  /** Puts up the outside that the run needs. */
  begin(): Promise<Scene>;
}

/** One run of an example. */
export interface Scene {
  /** What an operator would set. */
  readonly settings?: {
    /** Origins of URLs that are really somewhere else, as in an operator's `http.origins`. */
    readonly origins?: Readonly<Record<string, string>>;
    /** An operator's section `llm`. */
    readonly llm?: unknown;
    /** Values of `env:` bindings by the variable's name. */
    readonly secrets?: Readonly<Record<string, string>>;
  };
  /** Runs the world to its end. @throws AssertionError where it does not end as expected */
  run(world: ExampleWorld): Promise<void>;
  /** Takes the outside down. */
  end(): Promise<void>;
}

/** A world opened for an example: in a temporary folder, with its modules really built and its journal really written. */
export interface ExampleWorld {
  readonly folder: string;
  readonly host: Host;
  /** Stops the host and opens the world again from disk, as after a restart. */
  reopen(): Promise<void>;
  readonly scenarios: readonly Scenario[];
  /** Prints an indented line of progress. */
  say(text: string): void;
  /** Sends an event, waits until the world is at rest with no timer set, and gives the records made since. */
  send(schema: string, value: Value | object): Promise<readonly JournalRecord[]>;
  /** Takes a person's word on a held effect; waits and answers as `send` does. */
  decide(offer: ApprovalOffer): Promise<readonly JournalRecord[]>;
  /** The state of a reducer without keys: its value as plain JSON, its canonical bytes and their hash. */
  state(reducer: string): { readonly json: unknown; readonly bytes: Uint8Array; readonly hash: Hash };
  readonly blobs: Pick<Blobs, "get">;
  /** A blob of the world, as text. */
  text(ref: Hash): Promise<string>;
  /** The world of this folder with the files of another folder laid over it. */
  overlay(folder: string): Promise<LoadedWorld & { readonly control: ControlPlane }>;
  /** Every record so far. */
  records(): readonly JournalRecord[];
}

/** A scene without an outside. */
export async function inside(run: Scene["run"]): Promise<Scene> {
  return { run, end: async () => undefined };
}

export function ofKind<K extends RecordKind>(records: readonly JournalRecord[], kind: K): readonly JournalRecord<K>[] {
  return records.filter((record): record is JournalRecord<K> => record.kind === kind);
}
