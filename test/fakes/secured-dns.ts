import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:tls";
import {
  messageOctets,
  questionOctets,
  recordOctets,
  type RecordOctets,
  TO_QUESTION,
  uint16,
} from "../fuzz/wire/dns-octets.ts";
import { testCa } from "./origins.ts";

export interface AskedQuestion {
  readonly id: number;
  readonly name: string;
  /** 1: A, 28: AAAA. */
  readonly type: number;
  /** From 1. */
  readonly count: number;
}

/** What a server does with a question. */
export type DnsReaction =
  /** A message, framed as the transport asks. */
  | Uint8Array
  /** Several of them. */
  | readonly Uint8Array[]
  | "silence"
  | "close"
  /** Octets over TLS as they are. */
  | { readonly raw: Uint8Array }
  /** An answer of HTTP. */
  | { readonly status?: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: Uint8Array };

export interface SecuredDns extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly server: string;
  readonly seen: { connections: number; readonly questions: AskedQuestion[]; readonly heads: string[] };
}

/** A DNS server over TLS or HTTPS that does what a test says, however wrong. Its certificate is for `names`. */
export async function securedDns(
  over: "tls" | "https",
  react: (asked: AskedQuestion) => DnsReaction | Promise<DnsReaction>,
  names: readonly string[] = ["dns.test"],
): Promise<SecuredDns> {
  const { certificatePem, keyPem } = testCa().issue(names);
  const seen: SecuredDns["seen"] = { connections: 0, questions: [], heads: [] };
  const open = new Set<Socket>();

  function asked(query: Buffer): AskedQuestion {
    const labels: string[] = [];
    let at = 12;
    for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
    }
    const count = seen.questions.length + 1;
    const question = { id: query.readUInt16BE(0), name: labels.join("."), type: query.readUInt16BE(at + 1), count };
    seen.questions.push(question);
    return question;
  }

  async function serveStream(socket: Socket, query: Buffer): Promise<void> {
    const reaction = await react(asked(query));
    if (reaction === "silence") return;
    if (reaction === "close") return void socket.destroy();
    if (reaction instanceof Uint8Array) return void socket.write(framed(reaction));
    if (isList(reaction)) return reaction.forEach((one) => socket.write(framed(one)));
    if ("raw" in reaction) socket.write(reaction.raw);
    else throw new Error("an answer of HTTP over TLS");
  }

  async function servePost(stream: ServerHttp2Stream, body: Buffer): Promise<void> {
    // A request that was given up.
    if (body.length === 0) return;
    const reaction = await react(asked(body));
    if (reaction === "silence" || stream.destroyed) return;
    if (reaction === "close") {
      stream.session?.destroy();
      return;
    }
    if (isList(reaction)) throw new Error("several answers to one request");
    const said = reaction instanceof Uint8Array ? { body: reaction } : reaction;
    if ("raw" in said) throw new Error("raw octets over HTTP");
    stream.respond({ ":status": said.status ?? 200, "content-type": "application/dns-message", ...said.headers });
    stream.end(said.body ?? new Uint8Array());
  }

  const server =
    over === "tls"
      ? createServer({ key: keyPem, cert: certificatePem }, (socket) => {
          let held: Buffer = Buffer.alloc(0);
          socket.on("data", (part: Buffer) => {
            held = Buffer.concat([held, part]);
            while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
              const end = 2 + held.readUInt16BE(0);
              const query = held.subarray(2, end);
              held = held.subarray(end);
              void serveStream(socket, query);
            }
          });
          socket.on("error", () => undefined);
        })
      : createSecureServer({ key: keyPem, cert: certificatePem }).on(
          "stream",
          (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
            seen.heads.push(
              `${headers[":method"]} ${headers[":authority"]} ${headers[":path"]} ${headers["content-type"]}`,
            );
            const parts: Buffer[] = [];
            stream.on("data", (part: Buffer) => parts.push(part));
            stream.on("end", () => void servePost(stream, Buffer.concat(parts)));
            stream.on("error", () => undefined);
          },
        );
  server.on("connection", (socket: Socket) => {
    seen.connections += 1;
    open.add(socket);
    socket.on("close", () => open.delete(socket)).on("error", () => undefined);
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    server: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

function isList(reaction: DnsReaction): reaction is readonly Uint8Array[] {
  return Array.isArray(reaction);
}

function framed(message: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.from(uint16(message.length)), message]);
}

export interface ReplyText {
  readonly id?: number;
  /** Besides QR, RD and RA. */
  readonly flags?: number;
  readonly rcode?: number;
  /** Another than was asked. */
  readonly question?: { readonly name: string; readonly type: number };
  readonly answers?: readonly RecordOctets[];
  readonly authority?: readonly RecordOctets[];
}

/** A reply to a question, and what may be wrong with it. */
export function replyTo(asked: AskedQuestion, reply: ReplyText = {}): Uint8Array {
  const { answers = [], authority = [], question = asked } = reply;
  return messageOctets({
    id: reply.id ?? asked.id,
    flags: 0x8180 | (reply.flags ?? 0) | (reply.rcode ?? 0),
    counts: [1, answers.length, authority.length, 0],
    body: [
      ...questionOctets(question.name, question.type),
      ...answers.flatMap(recordOctets),
      ...authority.flatMap(recordOctets),
    ],
  });
}

/** An address of the family asked for: `192.0.2.<last>` or `2001:db8::<last>`. */
export function addressFor(
  { type }: AskedQuestion,
  last: number,
  owner: RecordOctets["owner"] = TO_QUESTION,
): RecordOctets {
  const data = type === 1 ? [192, 0, 2, last] : [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), last];
  return { owner, type, data };
}
