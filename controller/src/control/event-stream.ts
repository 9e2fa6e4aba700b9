// Server-sent events: a source that is asked for more as fast as its client reads, and a client that does not read is cut.

import type { ServerResponse } from "node:http";

/** Where a source writes to. */
interface EventSink {
  /** Aborts when the client is gone, was cut, or the server ends. */
  readonly gone: AbortSignal;
  /** Writes whole events; resolves when the client can take more, or is gone. */
  send(text: string): Promise<void>;
}

const STREAM = Symbol("event stream");

/** An answer that goes on: `run` writes until the sink is gone, or it has nothing more to say. */
export interface EventStream {
  readonly [STREAM]: true;
  run(sink: EventSink): Promise<void>;
}

export function eventStream(run: EventStream["run"]): EventStream {
  return { [STREAM]: true, run };
}

export function isEventStream(value: unknown): value is EventStream {
  return typeof value === "object" && value !== null && STREAM in value;
}

/** `id` is what a client sends back as `Last-Event-ID`. `data` is one line. */
export function eventText({ id, event, data }: { readonly id: number; readonly event: string; readonly data: string }): string {
  return `id: ${id}\nevent: ${event}\ndata: ${data}\n\n`;
}

export interface StreamLimits {
  /** A client that has not read what was written to it for so long is cut. */
  readonly stallMs: number;
  /** How often a silent stream shows that it lives. */
  readonly heartbeatMs: number;
}

/** Sends a stream to its end. Whatever becomes of it, nobody else waits. */
export async function sendStream(response: ServerResponse, stream: EventStream, options: StreamLimits & { readonly ends: Set<() => void> }): Promise<void> {
  const gone = new AbortController();
  const end = (): void => {
    gone.abort();
    response.end();
  };
  response.on("close", () => gone.abort());
  response.on("error", () => gone.abort());
  options.ends.add(end);
  const heart = setInterval(() => {
    if (!response.writableNeedDrain) response.write(": alive\n\n");
  }, options.heartbeatMs);
  try {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" });
    response.write("retry: 1000\n\n");
    await stream.run({ gone: gone.signal, send: (text) => (response.write(text) || gone.signal.aborted ? Promise.resolve() : drained(response, gone.signal, options.stallMs)) });
  } catch {
    // What went wrong while it was read cannot be told on a stream: the client asks again, and is told then.
    response.destroy();
  } finally {
    clearInterval(heart);
    options.ends.delete(end);
    response.end();
  }
}

function drained(response: ServerResponse, gone: AbortSignal, stallMs: number): Promise<void> {
  return new Promise((resolve) => {
    const stalled = setTimeout(() => response.destroy(), stallMs);
    const done = (): void => {
      clearTimeout(stalled);
      response.off("drain", done);
      gone.removeEventListener("abort", done);
      resolve();
    };
    response.on("drain", done);
    gone.addEventListener("abort", done);
  });
}
