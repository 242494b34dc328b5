import { randomInt } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { Millis } from "../../core/base/quantity.ts";
import { ok } from "../../core/base/result.ts";
import { addressesIn, answersQuestion } from "../../core/wire/dns-answer.ts";
import type { DnsQuestion } from "../../core/wire/dns-message.ts";
import { readDnsMessage } from "../../core/wire/dns-message-read.ts";
import { writeDnsMessage } from "../../core/wire/dns-message-write.ts";
import { upstreamQuery } from "../../core/wire/dns-upstream-query.ts";
import { type DnsLink, type LinkAnswer, LINK_IDLE_MILLIS, MOST_PENDING } from "./dns-link.ts";
import type { DialDns } from "./dns-secured.ts";
import { dialDnsTls, type DnsTlsOptions } from "./dns-tls-dial.ts";

const PORT = 853;
/** Answers that nobody waits for any more, in a row; a server that sends more is no server. */
const MOST_UNASKED = 64;

/** Dials servers that speak DNS over TLS (RFC 7858). */
export function dialDnsOverTls(options: DnsTlsOptions): DialDns {
  return async (server, timeout) => {
    const socket = await dialDnsTls(server, PORT, { name: "dot", isNeeded: false }, options, timeout);
    return socket.ok ? ok(new DnsTlsLink(socket.value)) : socket;
  };
}

interface Pending {
  readonly question: DnsQuestion;
  readonly settle: (answer: LinkAnswer) => void;
}

/**
 * One connection, with questions side by side (RFC 7766 section 6.2.1.1), each told apart by an id that nobody can guess.
 * Octets that are no message, and an answer to another question than its id's, end it: on what comes after nothing could
 * be relied.
 */
class DnsTlsLink implements DnsLink {
  readonly #socket: TLSSocket;
  readonly #pending = new Map<number, Pending>();
  #parts: Buffer[] = [];
  #held = 0;
  #unasked = 0;
  #messages = 0;
  #idle: NodeJS.Timeout | undefined;
  #over = false;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (part: Buffer) => this.#onData(part));
    socket.on("end", () => this.destroy());
    socket.on("close", () => this.destroy());
    this.#rest();
  }

  get isOpen(): boolean {
    return !this.#over;
  }

  async ask(question: DnsQuestion, timeout: Millis): Promise<LinkAnswer> {
    if (this.#over) return { kind: "lost" };
    if (this.#pending.size >= MOST_PENDING) return { kind: "failed", code: "EBUSY" };
    let id = randomInt(65_536);
    while (this.#pending.has(id)) id = randomInt(65_536);
    const { promise, resolve } = Promise.withResolvers<LinkAnswer>();
    this.#pending.set(id, { question, settle: resolve });
    const before = this.#messages;
    const timer = setTimeout(() => {
      resolve({ kind: "failed", code: "ETIMEOUT" });
      // It said nothing at all meanwhile: the next question must not wait for a connection that hangs.
      if (this.#messages === before) this.#end("failed");
    }, timeout);
    clearTimeout(this.#idle);
    this.#socket.ref();
    this.#socket.write(framed(writeDnsMessage(upstreamQuery(id, question))));
    const answer = await promise;
    clearTimeout(timer);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#rest();
    return answer;
  }

  destroy(): void {
    this.#end("lost");
  }

  #end(how: "lost" | "failed"): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#idle);
    this.#parts = [];
    for (const { settle } of this.#pending.values()) {
      settle(how === "lost" ? { kind: "lost" } : { kind: "failed", code: "EBADRESP" });
    }
    this.#socket.destroy();
  }

  /** Nothing is asked: the process need not live for this, and the server not keep it for ever. */
  #rest(): void {
    if (this.#over) return;
    this.#socket.unref();
    // Answers that came in one chunk all find nothing asked.
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.destroy(), LINK_IDLE_MILLIS);
    this.#idle.unref();
  }

  #onData(part: Buffer): void {
    if (this.#over) return;
    this.#parts.push(part);
    this.#held += part.length;
    for (;;) {
      const length = this.#lengthOfNext();
      if (length === undefined || this.#held < length + 2) return;
      const all = this.#parts.length === 1 ? (this.#parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#parts);
      const rest = all.subarray(length + 2);
      this.#parts = rest.length === 0 ? [] : [rest];
      this.#held = rest.length;
      if (!this.#onMessage(all.subarray(2, length + 2))) return this.#end("failed");
    }
  }

  #lengthOfNext(): number | undefined {
    if (this.#held < 2) return undefined;
    const [first = Buffer.alloc(0), second] = this.#parts;
    if (first.length >= 2) return first.readUInt16BE(0);
    // One octet came alone.
    if (second === undefined) return undefined;
    this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0]?.readUInt16BE(0);
  }

  /** False: the connection is of no further use. */
  #onMessage(octets: Uint8Array): boolean {
    const read = readDnsMessage(octets);
    if (!read.ok) return false;
    this.#messages += 1;
    const pending = this.#pending.get(read.value.id);
    if (pending === undefined) {
      // Too late, perhaps.
      this.#unasked += 1;
      return this.#unasked <= MOST_UNASKED;
    }
    if (!answersQuestion(read.value, read.value.id, pending.question)) return false;
    this.#unasked = 0;
    this.#pending.delete(read.value.id);
    pending.settle({ kind: "answered", finding: addressesIn(read.value) });
    return true;
  }
}

/** RFC 1035 section 4.2.2, in one write (RFC 7766 section 8). */
function framed(message: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.from([message.length >> 8, message.length & 0xff]), message]);
}
