// What is measured of the language: definitions loaded, events normalised, values encoded.

import { canonical, canonicalBare, decodeCanonical, hashBytes, loadFiles, normalizeBytes, type Value } from "@agentos/kernel";
import { Encoder } from "cbor-x";
import { encode as cborgEncode } from "cborg";
import { expect, type Row, type Work } from "./measure.ts";

/** The rows, each over as many definitions, events and encoded events. */
export function airRows({ definitions, events }: { readonly definitions: number; readonly events: number }): readonly Row[] {
  const values = Array.from({ length: events }, (_, index) => eventOf(index));
  const cborx = new Encoder({ useRecords: false, mapsAsObjects: false, tagUint8Array: false, variableMapSize: true });
  return [
    loadRow(definitions),
    normaliseRow(values),
    { ...encodeRow("canonical encode, beside cborg", values, { name: "cborg, sorted", exact: true, encode: cborgEncode }), reach: 1 },
    encodeRow("canonical encode, beside cbor-x", values, { name: "cbor-x, unsorted", exact: false, encode: (value) => cborx.encode(value) }),
  ];
}

/** An event of ten fields, its keys not in canonical order. */
function eventOf(index: number): Value {
  return new Map<Value, Value>([
    ["order", `order-${index}`], ["at", 1_700_000_000_000 + index], ["count", index % 100], ["customer", "c0ffee-0000-4000-8000-000000000000"], ["paid", index % 2 === 0],
    ["tags", ["new", "web", "eu"]], ["note", index % 3 === 0 ? null : "left at the door"], ["price", 1999], ["digest", new Uint8Array(32).fill(index % 256)],
    ["address", new Map<Value, Value>([["street", "Harbour Road 12"], ["city", "Malmö"], ["zip", "21119"]])],
  ]);
}

const EVENT = {
  record: {
    order: { text: {} }, at: { nat: {} }, count: { nat: {} }, customer: { text: {} }, paid: { bool: {} }, tags: { list: { text: {} } }, note: { option: { text: {} } }, price: { nat: {} },
    digest: { bytes: {} }, address: { record: { street: { text: {} }, city: { text: {} }, zip: { text: {} } } },
  },
};

/** Files of a world of `count` schemas and one module, fifty schemas a file, all in use. */
function generated(count: number): readonly { readonly path: string; readonly text: string }[] {
  const names = Array.from({ length: count - 3 }, (_, index) => `bench/S${index}@1`);
  const schemas = names.map((name, index) => ({ $kind: "defschema", name, type: { record: { ...EVENT.record, [`extra_${index}`]: { nat: {} } } } }));
  const own = [
    { $kind: "defschema", name: "bench/State@1", type: { nat: {} } },
    { $kind: "defschema", name: "bench/Event@1", type: { variant: Object.fromEntries(names.map((ref, index) => [`S${index}`, { ref }])) } },
    { $kind: "defmodule", name: "bench/Reducer@1", module_kind: "reducer", abi: { reducer: { state: "bench/State@1", event: "bench/Event@1" } } },
  ];
  const manifest = {
    $kind: "manifest", air_version: "1", schemas: [...names, "bench/State@1", "bench/Event@1"].map((name) => ({ name })), modules: [{ name: "bench/Reducer@1" }], plans: [], effects: [],
    caps: [], policies: [], routing: { events: [{ event: "bench/Event@1", reducer: "bench/Reducer@1" }] },
  };
  const groups = Array.from({ length: Math.ceil(schemas.length / 50) }, (_, index) => schemas.slice(50 * index, 50 * index + 50));
  return [manifest, own, ...groups].map((json, index) => ({ path: `air/${index}.air.json`, text: JSON.stringify(json, null, 2) }));
}

/** Read, parsed, linked, validated by all rules and hashed; against JavaScript's own reading of the same texts. */
function loadRow(count: number): Row {
  const files = generated(count);
  const moduleHashes = new Map([["bench/Reducer@1", hashBytes(new Uint8Array(0))]]);
  return {
    name: "parse, validate and hash", count, unit: "definitions",
    async subject() {
      let loaded: ReturnType<typeof loadFiles> | undefined;
      return {
        run() {
          loaded = loadFiles(files, { moduleHashes });
        },
        done() {
          expect(loaded?.control?.nodes.length === count, `${count} definitions: ${loaded?.diagnostics[0]?.message ?? ""}`);
        },
      };
    },
    baseline: { name: "JSON.parse", prepare: async () => counted(files.length, (index) => JSON.parse(files[index]?.text ?? "") !== null) },
  };
}

/** Decoded, brought to the schema's form and encoded again; against reading and checking the same bytes. */
function normaliseRow(values: readonly Value[]): Row {
  const name = "bench/Event@1";
  const node = { $kind: "defschema", name, type: EVENT };
  const manifest = { $kind: "manifest", air_version: "1", schemas: [{ name }], modules: [], plans: [], effects: [], caps: [], policies: [] };
  const { control } = loadFiles([{ path: "air/all.air.json", text: JSON.stringify([manifest, node]) }], { moduleHashes: new Map() });
  if (control === undefined) throw new Error("the schema of the benchmark's events");
  const bytes = values.map((value) => canonical(value));
  const at = (index: number): Uint8Array => bytes[index] ?? new Uint8Array(0);
  return {
    name: "normalise events", count: values.length, unit: "events",
    subject: async () => counted(values.length, (index) => normalizeBytes(control.schemas, name, at(index)).bytes.length === at(index).length),
    baseline: { name: "decodeCanonical", prepare: async () => counted(values.length, (index) => decodeCanonical(at(index)) instanceof Map) },
  };
}

/** Megabytes written of the same values, in the same run; `exact` says that the other must write the same bytes. */
function encodeRow(name: string, values: readonly Value[], other: { readonly name: string; readonly exact: boolean; readonly encode: (value: Value) => Uint8Array }): Row {
  const sizes = values.map((value) => canonicalBare(value).length);
  const work = (encode: (value: Value) => Uint8Array): Work => counted(values.length, (index) => encode(values[index] as Value).length === sizes[index]);
  const first: Value = values[0] ?? null;
  expect(!other.exact || Buffer.from(canonicalBare(first)).equals(other.encode(first)), "both write the same bytes");
  return {
    name, count: Number((sizes.reduce((sum, size) => sum + size, 0) / 1e6).toFixed(3)), unit: "MB",
    subject: async () => work(canonicalBare),
    baseline: { name: other.name, prepare: async () => work(other.encode) },
  };
}

/** Work of `count` steps that each must tell that it went well. */
function counted(count: number, step: (index: number) => boolean): Work {
  let ok = 0;
  return {
    run() {
      for (let index = 0; index < count; index++) if (step(index)) ok++;
    },
    done() {
      expect(ok === count, `${count} steps that end well, not ${ok}`);
    },
  };
}
