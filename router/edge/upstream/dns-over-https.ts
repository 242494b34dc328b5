import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Millis } from "../../core/base/quantity.ts";
import { ok } from "../../core/base/result.ts";
import { addressesIn, answersQuestion, type DnsFinding } from "../../core/wire/dns-answer.ts";
import type { DnsQuestion } from "../../core/wire/dns-message.ts";
import { readDnsMessage } from "../../core/wire/dns-message-read.ts";
import { writeDnsMessage } from "../../core/wire/dns-message-write.ts";
import { upstreamQuery } from "../../core/wire/dns-upstream-query.ts";
import { type DnsLink, type LinkAnswer, LINK_IDLE_MILLIS, MOST_PENDING } from "./dns-link.ts";
import type { DialDns } from "./dns-secured.ts";
import { dialDnsTls, type DnsTlsOptions } from "./dns-tls-dial.ts";

const PORT = 443;
const TYPE = "application/dns-message";
const LARGEST_ANSWER = 65_535;
/** Longest age that an answer can say of itself and still be read as a number. */
const AGE = /^[0-9]{1,9}$/;

export interface DnsHttpsOptions extends DnsTlsOptions {
  /** Of the resource that questions are posted to. */
  readonly path: string;
}

/** Dials servers that speak DNS over HTTPS (RFC 8484), over HTTP/2, which is what all of them speak. */
export function dialDnsOverHttps(options: DnsHttpsOptions): DialDns {
  return async (server, timeout) => {
    const socket = await dialDnsTls(server, PORT, { name: "h2", isNeeded: true }, options, timeout);
    return socket.ok ? ok(new DnsHttpsLink(socket.value, options)) : socket;
  };
}

/** One connection, with a stream for each question. No redirect is followed, nothing pushed is taken. */
class DnsHttpsLink implements DnsLink {
  readonly #session: ClientHttp2Session;
  readonly #authority: string;
  readonly #path: string;
  readonly #pending = new Set<ClientHttp2Stream>();
  #answers = 0;
  #idle: NodeJS.Timeout | undefined;
  #over = false;

  constructor(socket: TLSSocket, { serverName, path }: DnsHttpsOptions) {
    const port = socket.remotePort === PORT ? "" : `:${socket.remotePort}`;
    this.#authority = `${serverName}${port}`;
    this.#path = path;
    this.#session = connect(`https://${this.#authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, maxHeaderListSize: 16_384 },
      maxSessionMemory: 2,
      maxHeaderListPairs: 64,
    });
    this.#session.on("error", () => this.destroy());
    this.#session.on("close", () => this.destroy());
    // What is asked already may still be answered; nothing new is.
    this.#session.on("goaway", () => (this.#over = true));
    this.#rest();
  }

  get isOpen(): boolean {
    return !this.#over && !this.#session.closed && !this.#session.destroyed;
  }

  async ask(question: DnsQuestion, timeout: Millis): Promise<LinkAnswer> {
    if (!this.isOpen) return { kind: "lost" };
    if (this.#pending.size >= MOST_PENDING) return { kind: "failed", code: "EBUSY" };
    // RFC 8484 section 4.1: an id of 0, so that equal questions are equal requests.
    const query = writeDnsMessage(upstreamQuery(0, question));
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request({
        ":method": "POST",
        ":authority": this.#authority,
        ":path": this.#path,
        "content-type": TYPE,
        accept: TYPE,
        "content-length": query.length,
      });
    } catch {
      this.destroy();
      return { kind: "lost" };
    }
    this.#pending.add(stream);
    clearTimeout(this.#idle);
    this.#session.ref();
    const before = this.#answers;
    const { promise, resolve } = Promise.withResolvers<LinkAnswer>();
    const timer = setTimeout(() => {
      resolve({ kind: "failed", code: "ETIMEOUT" });
      // It said nothing at all meanwhile: the next question must not wait for a connection that hangs.
      if (this.#answers === before) this.destroy();
    }, timeout);
    this.#read(stream, question, resolve);
    stream.end(query);
    const answer = await promise;
    clearTimeout(timer);
    this.#pending.delete(stream);
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
    if (this.#pending.size === 0) this.#rest();
    return answer;
  }

  destroy(): void {
    this.#over = true;
    clearTimeout(this.#idle);
    if (!this.#session.destroyed) this.#session.destroy();
  }

  #read(stream: ClientHttp2Stream, question: DnsQuestion, settle: (answer: LinkAnswer) => void): void {
    const parts: Buffer[] = [];
    let length = 0;
    let age = 0;
    let isMessage = false;
    stream.on("response", (headers) => {
      this.#answers += 1;
      isMessage = headers[":status"] === 200 && headers["content-type"]?.toLowerCase() === TYPE;
      // RFC 8484 section 5.1: what a cache on the way kept has been that old already.
      const said = headers["age"] ?? "0";
      age = AGE.test(said) ? Number(said) : Number.MAX_SAFE_INTEGER;
      if (!isMessage) settle({ kind: "failed", code: "EBADRESP" });
    });
    stream.on("data", (part: Buffer) => {
      length += part.length;
      if (length > LARGEST_ANSWER) settle({ kind: "failed", code: "EBADRESP" });
      else parts.push(part);
    });
    stream.on("end", () => {
      if (isMessage && length <= LARGEST_ANSWER) settle(answerOf(Buffer.concat(parts), question, age));
    });
    stream.on("error", () => undefined);
    stream.on("close", () => settle({ kind: "lost" }));
  }

  #rest(): void {
    if (this.#session.destroyed) return;
    if (this.#over) return this.destroy();
    this.#session.unref();
    this.#idle = setTimeout(() => this.destroy(), LINK_IDLE_MILLIS);
    this.#idle.unref();
  }
}

function answerOf(octets: Uint8Array, question: DnsQuestion, age: number): LinkAnswer {
  const read = readDnsMessage(octets);
  if (!read.ok || !answersQuestion(read.value, 0, question)) return { kind: "failed", code: "EBADRESP" };
  return { kind: "answered", finding: aged(addressesIn(read.value), age) };
}

function aged(finding: DnsFinding, age: number): DnsFinding {
  if (finding.kind === "failed" || finding.ttl === undefined) return finding;
  return { ...finding, ttl: Math.max(0, finding.ttl - age) };
}
