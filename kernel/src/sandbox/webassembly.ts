// The part of the host's WebAssembly that the sandbox uses, typed: our library settings know no DOM.

/** A compiled module; opaque. */
export type WasmModule = { readonly __wasmModule: never };
export type WasmFunction = (a?: number, b?: number, c?: number, d?: number, e?: number, f?: number) => unknown;
export interface WasmGlobal {
  value: number | bigint;
}
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
export type WasmExport = WasmFunction | WasmGlobal | WasmMemory;
export type WasmImports = Readonly<Record<string, Readonly<Record<string, WasmFunction | WasmMemory>>>>;

interface HostWasm {
  readonly Module: {
    new (bytes: Uint8Array): WasmModule;
    exports(module: WasmModule): readonly { readonly name: string; readonly kind: string }[];
    imports(module: WasmModule): readonly { readonly module: string; readonly name: string; readonly kind: string }[];
  };
  readonly Instance: new (module: WasmModule, imports?: WasmImports) => { readonly exports: Readonly<Record<string, WasmExport>> };
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly RuntimeError: new (message?: string) => Error;
  readonly CompileError: new (message?: string) => Error;
  readonly LinkError: new (message?: string) => Error;
  validate(bytes: Uint8Array): boolean;
}

export const Wasm: HostWasm = (globalThis as unknown as { readonly WebAssembly: HostWasm }).WebAssembly;
