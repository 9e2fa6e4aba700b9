// Puts bytes away under their hash, gets them back, and looks whether they are the same.

import { effect, hashOf, reduce, type Variant } from "@agentos/kernel/sdk";

interface State {
  readonly pc: Variant<{ Idle: null; Putting: null; Getting: null; Done: null }>;
  readonly pending_blob_ref: string | null;
  readonly stored_blob_ref: string | null;
  readonly retrieved_blob_ref: string | null;
  readonly retrieved_blob_hash: string | null;
}
interface Result<Receipt> {
  readonly status: string;
  readonly receipt: Receipt;
}
type Event = Variant<{
  Start: { readonly data: Uint8Array };
  PutResult: Result<{ readonly blob_ref: string }>;
  GetResult: Result<{ readonly blob_ref: string; readonly bytes: Uint8Array }>;
}>;

const IDLE: State = { pc: { $tag: "Idle" }, pending_blob_ref: null, stored_blob_ref: null, retrieved_blob_ref: null, retrieved_blob_hash: null };

export default reduce<State, Event>((state, event) => {
  const now = state ?? IDLE;
  const phase = now.pc.$tag;
  switch (event.$tag) {
    case "Start": {
      if (phase !== "Idle" && phase !== "Done") return { state: now };
      const { data } = event.$value;
      const ref = hashOf(data);
      return { state: { ...IDLE, pc: { $tag: "Putting" }, pending_blob_ref: ref }, effects: [effect("blob.put", { blob_ref: ref, bytes: data })] };
    }
    case "PutResult": {
      if (phase !== "Putting") return { state: now };
      const { status, receipt } = event.$value;
      if (status !== "ok" || receipt.blob_ref !== now.pending_blob_ref) return { state: { ...now, pc: { $tag: "Done" } } };
      return { state: { ...now, pc: { $tag: "Getting" }, stored_blob_ref: receipt.blob_ref }, effects: [effect("blob.get", { blob_ref: receipt.blob_ref })] };
    }
    case "GetResult": {
      if (phase !== "Getting") return { state: now };
      const { status, receipt } = event.$value;
      const done: State = { ...now, pc: { $tag: "Done" } };
      if (status !== "ok") return { state: done };
      const hash = hashOf(receipt.bytes);
      const same = hash === now.stored_blob_ref && hash === receipt.blob_ref;
      return { state: { ...done, retrieved_blob_hash: hash, retrieved_blob_ref: same ? receipt.blob_ref : null } };
    }
  }
});
