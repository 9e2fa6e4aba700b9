// Asks a running world over its control socket.

import { request } from "node:http";
import { AosError, type ErrorClass } from "@agentos/kernel";

export interface ControlClient {
  /** @throws AosError what the world answered, or `world.away` when nothing listens */
  ask(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown>;
}

const ANSWER_TIMEOUT_MS = 60_000;

export function controlClient(socket: string): ControlClient {
  return {
    async ask(method, path, body) {
      const { status, text } = await roundTrip(socket, { method, path, body: body === undefined ? undefined : JSON.stringify(body) });
      const value: unknown = parse(text);
      if (status === 200) return value;
      throw errorOf(value);
    },
  };
}

function roundTrip(socket: string, call: { readonly method: string; readonly path: string; readonly body: string | undefined }): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method: call.method, path: call.path, timeout: ANSWER_TIMEOUT_MS, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString("utf8") }));
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", (cause) => reject(new AosError("world.away", `${socket}: the world does not answer (${cause.message})`, { class: "outside", hint: "start it with `aos run`", cause })));
    sent.end(call.body);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(value: unknown): AosError {
  const error = typeof value === "object" && value !== null && "error" in value ? value.error : undefined;
  const read = (field: string): string | undefined => {
    const found: unknown = typeof error === "object" && error !== null ? Reflect.get(error, field) : undefined;
    return typeof found === "string" ? found : undefined;
  };
  const hint = read("hint");
  const kind = read("class");
  const known: readonly string[] = ["input", "outside", "refused", "unverified"];
  return new AosError(read("code") ?? "control.answer", read("message") ?? "the world gave an answer that cannot be read", {
    class: kind !== undefined && known.includes(kind) ? (kind as ErrorClass) : "outside", ...(hint === undefined ? {} : { hint }),
  });
}
