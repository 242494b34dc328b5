import { systemClock } from "../../router/app/clock.ts";
import { millis, portOf } from "../../router/core/base/quantity.ts";
import { ok } from "../../router/core/base/result.ts";
import { parseHost } from "../../router/core/wire/host.ts";
import type { Field } from "../../router/core/wire/message-head.ts";
import type { ModelCall, ModelEnd, ModelRequest, ModelTimeouts } from "../../router/edge/upstream/model-call.ts";
import {
  createModelClient,
  type ModelClient,
  type ModelClientOptions,
} from "../../router/edge/upstream/model-client.ts";
import { dialPermit } from "./dial-permit.ts";

/** A client of what listens on this loopback port, as `origin.test`; deadlines are looked at every 5 ms. */
export function modelClient(port: number, more: Partial<ModelClientOptions> = {}): ModelClient {
  const host = parseHost("origin.test");
  const number = portOf(port);
  if (!host.ok || number === undefined) throw new Error("no origin");
  const permit = dialPermit(port);
  return createModelClient({
    clock: systemClock,
    scheme: "http",
    host: host.value,
    port: number,
    tls: { ca: undefined, serverName: undefined },
    open: async () => ok(permit),
    timeout: millis(2_000),
    period: millis(5),
    ...more,
  });
}

export function modelRequest(
  body: string | readonly Uint8Array[] = '{"model":"m"}',
  path = "/v1/chat/completions",
): ModelRequest {
  const chunks = typeof body === "string" ? (body === "" ? [] : [Buffer.from(body)]) : body;
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { method: "POST", path, headers: ["content-type", "application/json"], body: chunks, length };
}

export interface ReceivedAnswer {
  readonly call: ModelCall;
  status: number | undefined;
  fields: readonly Field[];
  length: number | undefined;
  readonly chunks: Buffer[];
  /** How often `end` came. */
  ends: number;
  /** What `data` answers; default true. */
  onData: (chunk: Buffer) => boolean;
  readonly headed: Promise<void>;
  readonly ended: Promise<ModelEnd>;
  text(): string;
}

const TIMEOUTS: ModelTimeouts = { firstByte: millis(5_000), idle: millis(5_000), total: millis(10_000) };

/** Sends, and takes note of all that the sink is told. Told anything after the end, or in a wrong order, it throws. */
export function received(
  client: ModelClient,
  request: ModelRequest = modelRequest(),
  timeouts: Partial<ModelTimeouts> = {},
): ReceivedAnswer {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<ModelEnd>();
  const { promise: headed, resolve: onHead } = Promise.withResolvers<void>();
  let sending = true;
  const noted: Omit<ReceivedAnswer, "call"> = {
    status: undefined,
    fields: [],
    length: undefined,
    chunks: [],
    ends: 0,
    onData: () => true,
    headed,
    ended,
    text: () => Buffer.concat(noted.chunks).toString("latin1"),
  };
  const call = client.send(
    request,
    {
      head(status, fields, length) {
        if (noted.status !== undefined || noted.ends > 0) throw new Error("a head out of turn");
        Object.assign(noted, { status, fields, length });
        onHead();
      },
      data(chunk) {
        if (noted.status === undefined || noted.ends > 0) throw new Error("data out of turn");
        noted.chunks.push(chunk);
        return noted.onData(chunk);
      },
      end(end) {
        if (sending) throw new Error("an end within send");
        noted.ends += 1;
        onEnd(end);
      },
    },
    { ...TIMEOUTS, ...timeouts },
  );
  sending = false;
  return Object.assign(noted, { call });
}

/** The end in one line, for tables: the cause, then what was seen, then the detail. */
export function endLine(end: ModelEnd): string {
  if (end.cause === "completed") return "completed";
  const { cause, answered, sent, reused, detail } = end;
  const seen = [sent ? "sent" : "", answered ? "answered" : "", reused ? "reused" : ""].filter((word) => word !== "");
  return `${cause} (${seen.join(", ")}): ${detail}`;
}
