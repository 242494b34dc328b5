import { assertNever } from "../../core/base/assert-never.ts";
import { HeldOctets } from "../../core/base/held-octets.ts";
import { bytes, type Millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { DeadlineWatch } from "./deadline-watch.ts";
import type { ExchangeEnd } from "./exchange.ts";
import type { ModelLink } from "./model-link.ts";
import { originConnection } from "./origin-connection.ts";
import { reset } from "./reset.ts";
import type { ResponseHead } from "./response-head.ts";
import type { TunnelOrigin } from "./tunnel.ts";

export interface RealtimeHandshake {
  /** Path and query. */
  readonly target: string;
  readonly host: string;
  /** With Sec-WebSocket-Key, and Sec-WebSocket-Protocol where `protocols` are offered; without extensions. */
  readonly fields: readonly Field[];
  /** The sub-protocols that `fields` offers. */
  readonly protocols: readonly string[];
}

export interface HandshakeOptions {
  /** For the provider's answer. */
  readonly timeout: Millis;
  readonly watch: DeadlineWatch;
  readonly signal: AbortSignal;
}

export type HandshakeEnd =
  /** The connection is the caller's now; `fields` are what of the 101 may go on. */
  | { readonly kind: "open"; readonly fields: readonly Field[]; readonly origin: TunnelOrigin }
  /** Another answer than 101, whole. */
  | { readonly kind: "answered"; readonly status: number; readonly fields: readonly Field[]; readonly body: Buffer }
  | { readonly kind: "failed"; readonly reason: Reason; readonly detail: string }
  | { readonly kind: "aborted" };

/** A refusal is a sentence or two; what is longer is not read. */
const MOST_REFUSAL = bytes(64 * 1024);

/**
 * Asks for a WebSocket over a new connection to a provider, and believes the answer only where it is one to this
 * request: accept, sub-protocol and extensions (RFC 6455 section 4.1). Unless it is open the connection has ended.
 */
export async function openRealtime(
  link: ModelLink,
  { target, host, fields, protocols }: RealtimeHandshake,
  { timeout, watch, signal }: HandshakeOptions,
): Promise<HandshakeEnd> {
  const socket = resettable(link);
  const connection = originConnection({ socket });
  let head: ResponseHead | undefined;
  const body = new HeldOctets();
  const end = await connection.exchange(
    {
      method: "GET",
      target,
      host,
      fields,
      framing: { kind: "none" },
      body: noBody(),
      expectContinue: false,
      upgrade: "websocket",
    },
    {
      proceed: () => undefined,
      head: (received) => {
        head = received;
      },
      data: (chunk) => {
        body.push(chunk);
        return undefined;
      },
    },
    { limits: { bytesOut: undefined, bytesIn: MOST_REFUSAL, idle: timeout, lifetime: timeout }, watch, signal },
  );
  const result = endOf(end, protocols, head, body.take());
  if (result.kind !== "open") reset(socket);
  connection.close();
  return result;
}

/** Node resets sockets of TCP only, and throws for any other: of TLS the one below is reset. */
function resettable({ socket, transport }: ModelLink): ModelLink["socket"] {
  if (socket === transport) return socket;
  socket.resetAndDestroy = () => {
    reset(transport);
    return socket.destroy();
  };
  return socket;
}

async function* noBody(): AsyncGenerator<Uint8Array> {
  yield* [];
}

function endOf(
  end: ExchangeEnd,
  protocols: readonly string[],
  head: ResponseHead | undefined,
  body: readonly Uint8Array[],
): HandshakeEnd {
  switch (end.cause) {
    case "upgraded": {
      const detail = disagreement(end.fields, protocols);
      if (detail !== undefined) return { kind: "failed", reason: "upstream_invalid", detail };
      return { kind: "open", fields: end.fields, origin: end.origin };
    }
    case "completed":
      if (head === undefined) return { kind: "failed", reason: "internal", detail: "An answer without a head." };
      return { kind: "answered", status: head.status, fields: head.fields, body: Buffer.concat(body) };
    case "upstream_unreachable":
    case "upstream_invalid":
      return { kind: "failed", reason: end.cause, detail: end.detail };
    case "idle_timeout":
    case "lifetime_limit":
      return { kind: "failed", reason: "idle_timeout", detail: "The handshake was not answered in time." };
    case "byte_limit":
      return { kind: "failed", reason: "upstream_invalid", detail: "The refusal is longer than any refusal." };
    case "request_broken":
      return { kind: "failed", reason: "internal", detail: "A request without a body broke." };
    case "aborted":
      return { kind: "aborted" };
    default:
      return assertNever(end);
  }
}

/** What a 101 that is an answer to the key must not say still: one sentence. */
function disagreement(fields: readonly Field[], protocols: readonly string[]): string | undefined {
  if (fieldValues({ fields }, "sec-websocket-extensions").length > 0) {
    return "The provider uses a WebSocket extension that was not offered.";
  }
  const [chosen, ...more] = fieldValues({ fields }, "sec-websocket-protocol");
  if (chosen === undefined) return undefined;
  return more.length === 0 && protocols.includes(chosen)
    ? undefined
    : "The provider chose a sub-protocol that was not offered.";
}
