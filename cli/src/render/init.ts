// What `aos init` made, and what to do next.

import { columns, count, short, type Style } from "./style.ts";

export interface MadeWorld {
  readonly name: string;
  readonly folder: string;
  readonly trust: string;
  readonly commit: string;
  readonly principals: readonly { readonly name: string; readonly kind: string; readonly fingerprint: string }[];
  readonly modules: readonly { readonly name: string; readonly hash: string }[];
  readonly files: number;
  readonly keys: { readonly author: string; readonly controller: string };
  readonly template: string;
}

export function madeLines(made: MadeWorld, style: Style): readonly string[] {
  const rows: (readonly string[])[] = [
    [style.dim("commit"), `${short(made.commit)}  ${count(made.files, "file")}, signed by ${made.principals.find(({ kind }) => kind === "person")?.name ?? ""}`],
    [style.dim("trust"), made.trust],
    ...made.principals.map(({ name, kind, fingerprint }) => [style.dim(kind), `${name}  ${fingerprint}`]),
    ...made.modules.map(({ name, hash }) => [style.dim("module"), `${name}  ${short(hash)}`]),
    [style.dim("keys"), made.keys.author],
    ["", made.keys.controller],
  ];
  return [
    `${style.green("made")} the world ${style.bold(made.name)} in ${made.folder}`,
    ...columns(rows).map((line) => `  ${line}`),
    "",
    "The trust hash is this world's id: whoever verifies a clone needs it, and nothing else.",
    "Next:",
    `  cd ${made.folder}`,
    "  aos run          # in one terminal",
    ...(made.template !== "empty" ? [`  aos event send demo/CounterEvent@1 '{"$tag":"Start","$value":{"target":3}}'    # in another`] : ["  aos check        # after your first change"]),
  ];
}
