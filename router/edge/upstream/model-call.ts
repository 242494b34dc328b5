import type { Millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import type { Field } from "../../core/wire/message-head.ts";

/** One request to a provider, judged and whole. */
export interface ModelRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Path and query, beginning with "/": visible ASCII, no fragment. */
  readonly path: string;
  /** Name, value, name, value: end-to-end fields. Host, Content-Length and Accept-Encoding are added by the client. */
  readonly headers: readonly string[];
  /** Sent as they are, and not to be changed until the end; empty: no body. */
  readonly body: readonly Uint8Array[];
  /** Octets of `body`. */
  readonly length: number;
}

/** Where an answer goes. What it throws ends the call with `internal`. */
export interface ModelSink {
  /**
   * Once, before data; interim responses never come here. `status` is 200 to 599; `fields` are the end-to-end ones in
   * the order sent, without framing; `length` is Content-Length, where the answer has one.
   */
  head(status: number, fields: readonly Field[], length: number | undefined): void;
  /** The chunk is the sink's. False asks to stop reading until `resume`; a chunk that was read already may yet come. */
  data(chunk: Buffer): boolean;
  /** Exactly once, and nothing after it; never within `send` or `abort`. */
  end(end: ModelEnd): void;
}

export type ModelFailureCause = Reason | "first_byte_timeout" | "aborted";

export interface ModelFailure {
  /**
   * `upstream_unreachable`: no connection, or it broke before an answer. `upstream_invalid`: what came is not a whole,
   * well-formed answer. `idle_timeout`: nothing moved, either way. `lifetime_limit`: all of it took too long.
   * `overloaded`: no connection came free. `draining`: the client is closing. `internal`: the sink threw. Others are
   * those of `open`.
   */
  readonly cause: ModelFailureCause;
  /** For logs: nothing of the request and of the answer. */
  readonly detail: string;
  /** Something of an answer was seen. */
  readonly answered: boolean;
  /** Octets of the request may have reached the origin. */
  readonly sent: boolean;
  /** Of a call whose time is over: all octets of the request had left, and the origin may be at work on it. */
  readonly uploaded: boolean;
  /**
   * Over a connection that had carried a call before. With `answered` false it may have been closed by the origin
   * just as the request left: the common reason to send it once more.
   */
  readonly reused: boolean;
}

export type ModelEnd = { readonly cause: "completed" } | ModelFailure;

export interface ModelTimeouts {
  /** From the request's last octet to the first octet of the answer's body. */
  readonly firstByte: Millis;
  /** Between two reads, while the sink wants any; while the request is sent, between two writes. */
  readonly idle: Millis;
  /** Of everything. */
  readonly total: Millis;
}

export interface ModelCall {
  /** Closes the connection to the provider at once, with RST. After the end: nothing. */
  abort(): void;
  pause(): void;
  /** May call the sink before it returns. */
  resume(): void;
  /** Where the request went: undefined until it has a connection. */
  readonly address: IpAddress | undefined;
  /** What opening the connection took; undefined where there was one. */
  readonly connectMillis: Millis | undefined;
  /** From the first octet sent to the first of the answer's body; undefined before it. */
  readonly firstByteMillis: Millis | undefined;
}
