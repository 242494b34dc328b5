import { STATUS_CODES } from "node:http";
import type { Field } from "../../core/wire/message-head.ts";
import type { AgentSocket } from "./agent-socket.ts";

/** What of an origin's response is written on: parsed, hop-by-hop fields removed, framing decided here. */
export interface AnswerHead {
  readonly status: number;
  readonly fields: readonly Field[];
  readonly length: number | undefined;
  readonly hasBody: boolean;
}

/**
 * Writes one HTTP/1.1 response to the agent, framed anew: Content-Length where the origin gave one, chunked where it
 * did not, and the end of the connection for an HTTP/1.0 agent. A body that was cut is never ended cleanly: `finish`
 * is simply not called, and the connection is destroyed.
 */
export class HttpAnswer {
  readonly #agent: AgentSocket;
  readonly #request: string;
  readonly #http10: boolean;
  #begun = false;
  #chunked = false;
  #keepAlive: boolean;

  constructor(agent: AgentSocket, requestId: string, http10: boolean, keepAlive: boolean) {
    this.#agent = agent;
    this.#request = requestId;
    this.#http10 = http10;
    this.#keepAlive = keepAlive;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** True when the agent may send another request after this response. */
  get keepsAlive(): boolean {
    return this.#keepAlive;
  }

  /** The connection ends with this response. */
  close(): void {
    this.#keepAlive = false;
  }

  proceed(): void {
    if (!this.#http10) this.#agent.write("HTTP/1.1 100 Continue\r\n\r\n");
  }

  head({ status, fields, length, hasBody }: AnswerHead): void {
    this.#begun = true;
    this.#chunked = hasBody && length === undefined && !this.#http10;
    if (hasBody && length === undefined && this.#http10) this.#keepAlive = false;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n`;
    for (const field of fields) text += `${field.rawName}: ${field.value}\r\n`;
    if (length !== undefined) text += `Content-Length: ${length}\r\n`;
    if (this.#chunked) text += "Transfer-Encoding: chunked\r\n";
    text += `Sluice-Request-Id: ${this.#request}\r\nConnection: ${this.#keepAlive ? "keep-alive" : "close"}\r\n\r\n`;
    this.#agent.write(text);
  }

  /** A promise asks to wait until the agent has taken what was written. */
  data(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#chunked) this.#agent.write(`${chunk.length.toString(16)}\r\n`);
    let taken = this.#agent.write(chunk);
    if (this.#chunked) taken = this.#agent.write("\r\n");
    return taken ? undefined : this.#agent.drained();
  }

  /** The whole body was written. Where the connection ends with it, the agent may take its time to read the rest. */
  finish(takeMillis: number): void {
    if (this.#chunked) this.#agent.write("0\r\n\r\n");
    if (!this.#keepAlive) this.#agent.finish(undefined, takeMillis);
  }

  /** 101: what follows is the upgraded protocol. */
  switchProtocols(fields: readonly Field[]): void {
    this.#begun = true;
    let text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for (const field of fields) text += `${field.rawName}: ${field.value}\r\n`;
    this.#agent.write(`${text}Sluice-Request-Id: ${this.#request}\r\n\r\n`);
  }
}
