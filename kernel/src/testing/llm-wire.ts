// What the LLM server says, in the bytes of the three protocols; made from their published API descriptions.

/** A model's answer, in no protocol's words. */
export interface ScriptedAnswer {
  readonly text?: string;
  /** `arguments` as the model writes them: JSON text, or what it is to be the JSON of. */
  readonly toolCalls?: readonly { readonly id?: string; readonly name: string; readonly arguments: Readonly<Record<string, unknown>> | string }[];
  /** 10 and 5 unless told; `none` leaves it out, as some local servers do. */
  readonly usage?: { readonly prompt: number; readonly completion: number } | "none";
  /** By the answer unless told. */
  readonly finish?: "stop" | "length" | "tool_calls" | "refused";
}

/** One protocol from the side of the server. `stream` gives the data of each event, with its name where the protocol has names. */
export interface Wire {
  readonly path: string;
  whole(answer: ScriptedAnswer, model: string): unknown;
  stream(answer: ScriptedAnswer, model: string): readonly WireEvent[];
  /** An error as a body, and as an event of a stream. */
  error(error: WireError): unknown;
  errorEvent(error: WireError): WireEvent;
}
export interface WireEvent {
  readonly name?: string;
  readonly data: unknown;
}
export interface WireError {
  readonly type: string;
  readonly message: string;
}

/** Seconds since 1970; no clock, so that equal scripts make equal bytes. */
const CREATED = 1_700_000_000;
/** Code points of a text in one event. */
const PIECE = 7;

function piecesOf(text: string): readonly string[] {
  const points = [...text];
  return Array.from({ length: Math.ceil(points.length / PIECE) }, (_, index) => points.slice(index * PIECE, (index + 1) * PIECE).join(""));
}

function callsOf(answer: ScriptedAnswer, prefix: string): readonly { readonly id: string; readonly name: string; readonly text: string }[] {
  return (answer.toolCalls ?? []).map(({ id, name, arguments: given }, index) => ({
    id: id ?? `${prefix}_${index + 1}`, name, text: typeof given === "string" ? given : JSON.stringify(given),
  }));
}

function tokensOf(answer: ScriptedAnswer): { readonly prompt: number; readonly completion: number } | undefined {
  return answer.usage === "none" ? undefined : (answer.usage ?? { prompt: 10, completion: 5 });
}

function finishOf(answer: ScriptedAnswer): NonNullable<ScriptedAnswer["finish"]> {
  return answer.finish ?? ((answer.toolCalls ?? []).length > 0 ? "tool_calls" : "stop");
}

const CHAT_FINISH = { stop: "stop", length: "length", tool_calls: "tool_calls", refused: "content_filter" } as const;

export const chatWire: Wire = {
  path: "/v1/chat/completions",
  whole(answer, model) {
    const calls = callsOf(answer, "call");
    const usage = tokensOf(answer);
    return {
      id: "chatcmpl-1", object: "chat.completion", created: CREATED, model,
      choices: [{
        index: 0,
        message: {
          role: "assistant", content: answer.text ?? null, refusal: null, annotations: [],
          ...(calls.length === 0 ? {} : { tool_calls: calls.map(({ id, name, text }) => ({ id, type: "function", function: { name, arguments: text } })) }),
        },
        logprobs: null, finish_reason: CHAT_FINISH[finishOf(answer)],
      }],
      ...(usage === undefined ? {} : { usage: chatUsage(usage) }),
      service_tier: "default", system_fingerprint: "fp_1",
    };
  },
  stream(answer, model) {
    const usage = tokensOf(answer);
    const chunk = (choices: readonly unknown[], used: unknown = null): WireEvent => ({
      data: { id: "chatcmpl-1", object: "chat.completion.chunk", created: CREATED, model, service_tier: "default", system_fingerprint: "fp_1", choices, usage: used },
    });
    const delta = (value: unknown, reason: string | null = null): WireEvent => chunk([{ index: 0, delta: value, logprobs: null, finish_reason: reason }]);
    return [
      delta({ role: "assistant", content: answer.text === undefined ? null : "", refusal: null }),
      ...piecesOf(answer.text ?? "").map((content) => delta({ content })),
      ...callsOf(answer, "call").flatMap(({ id, name, text }, index) => [
        delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
        ...piecesOf(text).map((piece) => delta({ tool_calls: [{ index, function: { arguments: piece } }] })),
      ]),
      delta({}, CHAT_FINISH[finishOf(answer)]),
      ...(usage === undefined ? [] : [chunk([], chatUsage(usage))]),
      { data: "[DONE]" },
    ];
  },
  error: openaiError,
  errorEvent: (error) => ({ data: openaiError(error) }),
};

function chatUsage({ prompt, completion }: { readonly prompt: number; readonly completion: number }): unknown {
  return {
    prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

function openaiError({ type, message }: WireError): unknown {
  return { error: { message, type, param: null, code: null } };
}

export const responsesWire: Wire = {
  path: "/v1/responses",
  whole: responseOf,
  stream(answer, model) {
    const whole = responseOf(answer, model);
    const begun = { ...whole, status: "in_progress", output: [], usage: null, incomplete_details: null };
    const events: WireEvent[] = [];
    const send = (name: string, data: Readonly<Record<string, unknown>>): void => {
      events.push({ name, data: { type: name, sequence_number: events.length, ...data } });
    };
    send("response.created", { response: begun });
    send("response.in_progress", { response: begun });
    for (const [output_index, item] of whole.output.entries()) sendItem(send, item, output_index);
    send(whole.status === "completed" ? "response.completed" : "response.incomplete", { response: whole });
    return events;
  },
  error: openaiError,
  errorEvent: ({ type, message }) => ({ name: "error", data: { type: "error", code: type, message, param: null, sequence_number: 99 } }),
};

type OutputItem =
  | { readonly type: "message"; readonly id: string; readonly status: string; readonly role: "assistant"; readonly content: readonly [{ readonly type: "output_text"; readonly text: string; readonly annotations: readonly []; readonly logprobs: readonly [] }] }
  | { readonly type: "function_call"; readonly id: string; readonly status: string; readonly call_id: string; readonly name: string; readonly arguments: string };

function sendItem(send: (name: string, data: Readonly<Record<string, unknown>>) => void, item: OutputItem, output_index: number): void {
  const at = { item_id: item.id, output_index };
  if (item.type === "message") {
    send("response.output_item.added", { output_index, item: { ...item, status: "in_progress", content: [] } });
    send("response.content_part.added", { ...at, content_index: 0, part: { type: "output_text", text: "", annotations: [] } });
    const [{ text }] = item.content;
    for (const delta of piecesOf(text)) send("response.output_text.delta", { ...at, content_index: 0, delta, logprobs: [] });
    send("response.output_text.done", { ...at, content_index: 0, text, logprobs: [] });
    send("response.content_part.done", { ...at, content_index: 0, part: item.content[0] });
  } else {
    send("response.output_item.added", { output_index, item: { ...item, status: "in_progress", arguments: "" } });
    for (const delta of piecesOf(item.arguments)) send("response.function_call_arguments.delta", { ...at, delta });
    send("response.function_call_arguments.done", { ...at, arguments: item.arguments });
  }
  send("response.output_item.done", { output_index, item });
}

function responseOf(answer: ScriptedAnswer, model: string): Readonly<Record<string, unknown>> & { readonly status: string; readonly output: readonly OutputItem[] } {
  const usage = tokensOf(answer);
  const finish = finishOf(answer);
  const cut = finish === "length" ? "max_output_tokens" : finish === "refused" ? "content_filter" : undefined;
  const { text } = answer;
  return {
    id: "resp_1", object: "response", created_at: CREATED, status: cut === undefined ? "completed" : "incomplete", error: null,
    incomplete_details: cut === undefined ? null : { reason: cut }, instructions: null, model,
    output: [
      ...(text === undefined ? [] : [messageItem(text)]),
      ...callsOf(answer, "call").map(({ id, name, text: given }, index): OutputItem => ({ type: "function_call", id: `fc_${index + 1}`, status: "completed", call_id: id, name, arguments: given })),
    ],
    parallel_tool_calls: true, previous_response_id: null, store: false, truncation: "disabled", metadata: {},
    usage: usage === undefined ? null : {
      input_tokens: usage.prompt, input_tokens_details: { cached_tokens: 0 }, output_tokens: usage.completion, output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: usage.prompt + usage.completion,
    },
  };
}

function messageItem(text: string): OutputItem {
  return { type: "message", id: "msg_1", status: "completed", role: "assistant", content: [{ type: "output_text", text, annotations: [], logprobs: [] }] };
}

const STOP_REASON = { stop: "end_turn", length: "max_tokens", tool_calls: "tool_use", refused: "refusal" } as const;

export const anthropicWire: Wire = {
  path: "/v1/messages",
  whole(answer, model) {
    return {
      ...messageHead(model),
      content: [
        ...(answer.text === undefined ? [] : [{ type: "text", text: answer.text }]),
        ...callsOf(answer, "toolu").map(({ id, name, text }) => ({ type: "tool_use", id, name, input: JSON.parse(text) as unknown })),
      ],
      stop_reason: STOP_REASON[finishOf(answer)], ...messageUsage(tokensOf(answer), "whole"),
    };
  },
  stream(answer, model) {
    const usage = tokensOf(answer);
    const events: WireEvent[] = [];
    const send = (name: string, data: Readonly<Record<string, unknown>>): void => {
      events.push({ name, data: { type: name, ...data } });
    };
    send("message_start", { message: { ...messageHead(model), content: [], stop_reason: null, ...messageUsage(usage, "start") } });
    let index = 0;
    const block = (start: unknown, deltas: readonly unknown[]): void => {
      send("content_block_start", { index, content_block: start });
      if (index === 0) send("ping", {});
      for (const delta of deltas) send("content_block_delta", { index, delta });
      send("content_block_stop", { index: index++ });
    };
    if (answer.text !== undefined) block({ type: "text", text: "" }, piecesOf(answer.text).map((text) => ({ type: "text_delta", text })));
    for (const { id, name, text } of callsOf(answer, "toolu")) {
      block({ type: "tool_use", id, name, input: {} }, ["", ...piecesOf(text)].map((partial_json) => ({ type: "input_json_delta", partial_json })));
    }
    send("message_delta", { delta: { stop_reason: STOP_REASON[finishOf(answer)], stop_sequence: null }, ...messageUsage(usage, "delta") });
    send("message_stop", {});
    return events;
  },
  error: anthropicError,
  errorEvent: (error) => ({ name: "error", data: anthropicError(error) }),
};

function messageHead(model: string): Readonly<Record<string, unknown>> {
  return { id: "msg_1", type: "message", role: "assistant", model, stop_sequence: null };
}

function messageUsage(usage: { readonly prompt: number; readonly completion: number } | undefined, where: "whole" | "start" | "delta"): Readonly<Record<string, unknown>> {
  if (usage === undefined) return {};
  if (where === "delta") return { usage: { output_tokens: usage.completion } };
  return { usage: { input_tokens: usage.prompt, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: where === "start" ? 1 : usage.completion } };
}

function anthropicError({ type, message }: WireError): unknown {
  return { type: "error", error: { type, message }, request_id: "req_1" };
}
