// What a running world answers on its control socket.

import {
  AosError, canonical, cellKey, decode, normalizerFor, trieEntries, trieGet, type Host, type Journal, type Value, type World, decodeRecord,
} from "@agentos/kernel";
import type { ControlHandler, ControlRequest } from "./server.ts";
import { plainJson, recordJson, valueFromJson, type RecordJson } from "./record-json.ts";

export interface Controls {
  readonly host: Host;
  readonly journal: Journal;
  readonly status: () => unknown;
  /** Why the world takes no events any more, if it does not: what it did with them would never be published. */
  readonly fenced: () => string | undefined;
  readonly nudge: () => void;
  readonly stop: () => void;
}

const JOURNAL_LIMIT_MAX = 1000;

export function controlHandler(controls: Controls): ControlHandler {
  const { host } = controls;
  return async (request) => {
    switch (`${request.method} ${request.path}`) {
      case "GET /status":
        return controls.status();
      case "POST /events":
        refuseWhenFenced(controls.fenced());
        return { records: (await host.submit(readOffer(request, host.world))).map(recordJson) };
      case "POST /settle":
        await host.settled();
        return { seq: host.world.nextSeq };
      case "GET /state":
        return readState(host.world, request);
      case "GET /cells":
        return readCells(host.world, need(request, "reducer"));
      case "GET /journal":
        return readJournal(controls.journal, { from: count(request, "from", 0), limit: Math.min(count(request, "limit", 200), JOURNAL_LIMIT_MAX) });
      case "POST /nudge":
        controls.nudge();
        return {};
      case "POST /stop":
        controls.stop();
        return {};
      default:
        throw new AosError("control.unknown", `${request.method} ${request.path}: no such request`);
    }
  };
}

/** The state of a cell as JSON, null where there is none. */
export function readState(world: World, request: ControlRequest): unknown {
  const reducer = need(request, "reducer");
  const key = request.query.get("key");
  const cell = trieGet(world.cells, cellKey(reducer, key === null ? undefined : keyBytes(world, reducer, valueFromJson(key, "key"))));
  if (cell === undefined) {
    requireReducer(world, reducer);
    return { state: null, seq: world.nextSeq };
  }
  return { state: plainJson(decode(cell.state)), stateHash: cell.hash, seq: world.nextSeq };
}

export function readCells(world: World, reducer: string): unknown {
  requireReducer(world, reducer);
  const cells = [...trieEntries(world.cells)].map(([, cell]) => cell).filter((cell) => cell.reducer === reducer);
  const rows = cells.map((cell) => ({ key: cell.key === undefined ? null : plainJson(decode(cell.key)), stateHash: cell.hash, bytes: cell.state.length }));
  return { cells: rows.sort((a, b) => compare(JSON.stringify(a.key), JSON.stringify(b.key))), seq: world.nextSeq };
}

async function readJournal(journal: Journal, range: { readonly from: number; readonly limit: number }): Promise<unknown> {
  const records: RecordJson[] = [];
  for await (const turn of journal.read(range.from)) {
    for (const bytes of turn.records) {
      const record = decodeRecord(bytes);
      if (record.seq >= range.from && records.length < range.limit) records.push(recordJson(record));
    }
    if (records.length >= range.limit) break;
  }
  return { records, next: (records.at(-1)?.seq ?? range.from - 1) + 1, end: journal.nextSeq };
}

function refuseWhenFenced(why: string | undefined): void {
  if (why === undefined) return;
  throw new AosError("world.fenced", `this controller takes no events: ${why}`, { class: "refused", hint: "send it to the controller that writes the world now" });
}

function readOffer(request: ControlRequest, world: World): { readonly schema: string; readonly value: Value; readonly key: Uint8Array | undefined; readonly sender: string } {
  const body = request.body === undefined ? null : valueFromJson(request.body, "request");
  const fields: ReadonlyMap<Value, Value> = body instanceof Map ? body : new Map<Value, Value>();
  const schema = fields.get("schema");
  const value = fields.get("value");
  const key = fields.get("key");
  const known = fields.size === (key === undefined ? 2 : 3);
  if (typeof schema !== "string" || value === undefined || !known) throw new AosError("control.body", "request: an event is {schema, value, key?}, and nothing else");
  return { schema, value, key: key === undefined ? undefined : eventKey(world, schema, key), sender: "control" };
}

function eventKey(world: World, schema: string, key: Value): Uint8Array | undefined {
  const reducer = world.control?.manifest.routing?.events?.find(({ event }) => event === schema)?.reducer;
  if (reducer === undefined) throw new AosError("event.key", `${schema}: no reducer takes this event, so it has no key`, { hint: "leave the key out" });
  return keyBytes(world, reducer, key);
}

function keyBytes(world: World, reducer: string, key: Value): Uint8Array | undefined {
  const schema = requireReducer(world, reducer).key_schema;
  if (schema === undefined || world.control === undefined) throw new AosError("event.key", `${reducer}: the reducer has no keys`, { hint: "leave the key out" });
  return canonical(normalizerFor(world.control.schemas, schema)(key));
}

function requireReducer(world: World, name: string): { readonly key_schema?: string } {
  const reducers = [...(world.control?.modules.values() ?? [])].filter((module) => module.abi.reducer !== undefined);
  const found = reducers.find((module) => module.name === name);
  if (found === undefined) {
    const names = reducers.map((module) => module.name).join(", ");
    throw new AosError("state.reducer", `${name}: the world has no such reducer`, { hint: names === "" ? "no control plane is in force" : `it has ${names}` });
  }
  return found;
}

function need(request: ControlRequest, name: string): string {
  const value = request.query.get(name);
  if (value === null) throw new AosError("control.query", `${request.path}: ${name} is missing`);
  return value;
}

function count(request: ControlRequest, name: string, otherwise: number): number {
  const text = request.query.get(name);
  if (text === null) return otherwise;
  if (!/^\d{1,15}$/.test(text)) throw new AosError("control.query", `${request.path}: ${name} must be a count`);
  return Number(text);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
