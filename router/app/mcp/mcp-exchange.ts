import { type Millis, millis } from "../../core/base/quantity.ts";
import type { Reason } from "../../core/base/reason.ts";
import { holdsSecret } from "../../core/credential/secret-forms.ts";
import { eventText } from "../../core/mcp/event-text.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import { OctetBuffer } from "../../core/mcp/octet-buffer.ts";
import { MOST_MESSAGE } from "../../core/mcp/rpc-message.ts";
import { type ServerEvent, ServerEvents } from "../../core/mcp/server-events.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import type { IpAddress } from "../../core/wire/ip-address.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { AgentSocket } from "../../edge/listeners/agent-socket.ts";
import type { HttpAnswer } from "../../edge/listeners/http-answer.ts";
import type { ModelCall, ModelEnd, ModelRequest, ModelSink } from "../../edge/upstream/model-call.ts";
import type { LeakRules } from "../credentials/known-secrets.ts";
import { field, JSON_FIELDS, STREAM_FIELDS } from "./answer-fields.ts";
import type { LiveExchange } from "./live-exchange.ts";
import type { McpRooms } from "./mcp-rooms.ts";
import type { McpEnd } from "./mcp-end.ts";
import { refusalText } from "./mcp-refusal.ts";
import { closeCall, type OpenCall } from "./open-call.ts";
import { ServerMessages } from "./server-messages.ts";
import { serverRefusal, UNAUTHORIZED } from "./server-refusal.ts";
import type { ServerRoute } from "./server-routes.ts";
import { Sessions } from "./sessions.ts";

export interface McpExchangeOptions {
  readonly rooms: McpRooms;
  readonly agent: AgentSocket;
  readonly answer: HttpAnswer;
  /** Of the request. */
  readonly id: string;
  readonly route: ServerRoute;
  /** What belongs together: see `Sessions`. */
  readonly session: string;
  /** As the server named it. */
  readonly sessionName: string | undefined;
  /** `request`: an answer is due; `message`: only that it was taken; `listen`: a stream; `end`: of a session. */
  readonly kind: "request" | "message" | "listen" | "end";
  /** What the server is asked, as a tool's name. */
  readonly method: string;
  /** Of a request. */
  readonly call: OpenCall | undefined;
  readonly rules: LeakRules;
  readonly refuseServer: (text: string) => void;
}

/** A server's refusal is a sentence or two. */
const MOST_REFUSAL = 64 * 1024;
/** Octets of all the stream that answers one call: so many answers of the longest, but so many octets at least. */
const STREAMED = 16;
const LEAST_STREAM = 1024 * 1024;

/**
 * One request to a server with its answer: a JSON document or a stream of events, read message by message. Each message is
 * judged before any octet of it goes on. It ends in one way, and what it held is let go of whatever happens.
 */
export class McpExchange implements ModelSink, LiveExchange {
  readonly ended: Promise<McpEnd>;
  readonly #options: McpExchangeOptions;
  readonly #resolve: (end: McpEnd) => void;
  readonly #reject: (error: unknown) => void;
  readonly #messages: ServerMessages;
  /** The request that is not answered yet. */
  #open: OpenCall | undefined;
  #model: ModelCall | undefined;
  #mode: "head" | "document" | "events" | "refusal" | "ignored" = "head";
  #status = 0;
  #fields: readonly Field[] = [];
  #document = new OctetBuffer(MOST_REFUSAL);
  #events: ServerEvents | undefined;
  #queue: ServerEvent[] = [];
  #pumping = false;
  /** The server has said all. */
  #whole = false;
  /** An event had an id: the rest of the stream can be asked for. */
  #resumable = false;
  #held = 0;
  /** Octets of the stream so far. */
  #streamed = 0;
  #done = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: McpExchangeOptions) {
    this.#options = options;
    this.#open = options.call;
    const { promise, resolve, reject } = Promise.withResolvers<McpEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    const { rooms, route, session, id, rules, refuseServer } = options;
    this.#messages = new ServerMessages({
      rooms,
      server: route.server,
      session,
      id,
      rules,
      asked: () => this.#open,
      answered: () => (this.#open = undefined),
      refuse: refuseServer,
    });
  }

  /** Sends it. To be called once. */
  send(request: ModelRequest): void {
    const { rooms, agent, route } = this.#options;
    const { lifetime } = rooms.limits;
    const { timeout } = route.server;
    this.#model = route.client.send(request, this, { firstByte: lifetime, idle: lifetime, total: lifetime });
    rooms.live.add(this);
    this.#setTimer(millis(timeout), "The server did not begin its answer in time.");
    agent.onLeft(() => this.#leave());
  }

  get server(): McpServer {
    return this.#options.route.server;
  }

  get address(): IpAddress | undefined {
    return this.#model?.address;
  }

  get method(): string {
    return this.#options.method;
  }

  get call(): OpenCall | undefined {
    return this.#open;
  }

  cut(reason: Reason): void {
    this.#break(reason, undefined);
  }

  head(status: number, fields: readonly Field[]): void {
    if (this.#done) return;
    const { kind, route, answer } = this.#options;
    clearTimeout(this.#timer);
    this.#status = status;
    this.#fields = fields;
    if (status >= 300 && status < 400) {
      return this.#break("upstream_invalid", "The server answered with a redirect, which is not followed.");
    }
    if (status >= 400) {
      this.#mode = "refusal";
      return this.#setTimer(millis(route.server.timeout), LATE);
    }
    if (kind === "message" || kind === "end") {
      this.#mode = "ignored";
      return this.#setTimer(millis(route.server.timeout), LATE);
    }
    const [type = "", ...types] = fieldValues({ fields }, "content-type");
    if (status === 200 && types.length === 0 && EVENT_STREAM.test(type)) {
      this.#mode = "events";
      this.#events = new ServerEvents(Math.min(MOST_MESSAGE, route.server.resultBytes));
      answer.head({
        status: 200,
        fields: [...this.#sessionFields(), ...STREAM_FIELDS],
        length: undefined,
        hasBody: true,
      });
      return;
    }
    if (kind === "request" && status === 200 && types.length === 0 && JSON_TYPE.test(type)) {
      this.#mode = "document";
      this.#document = new OctetBuffer(Math.min(MOST_MESSAGE, route.server.resultBytes));
      return this.#setTimer(millis(route.server.timeout), LATE);
    }
    this.#break("upstream_invalid", "The server's answer is neither a JSON document nor a stream of events.");
  }

  data(chunk: Buffer): boolean {
    if (this.#done) return true;
    if (this.#mode !== "events") {
      if (!this.#document.add(chunk)) {
        this.#break("upstream_invalid", TOO_LONG);
        return true;
      }
      return this.#hold(this.#document.length);
    }
    this.#streamed += chunk.length;
    const { call } = this.#options;
    if (call !== undefined && this.#streamed > Math.max(LEAST_STREAM, STREAMED * call.most)) {
      this.#break("upstream_invalid", TOO_MUCH);
      return true;
    }
    const events = this.#events;
    if (events === undefined) throw new Error("a stream without its reader");
    const read = events.push(chunk, (event) => this.#queue.push(event));
    if (!this.#hold(chunk.length + events.held)) return true;
    if (!read) this.#queue.push(OVERLONG);
    if (this.#queue.length > 0 && !this.#pumping) void this.#pump();
    return !this.#pumping;
  }

  end(end: ModelEnd): void {
    if (this.#done) return;
    if (end.cause !== "completed") {
      const late = end.cause === "first_byte_timeout" || end.cause === "aborted";
      return this.#break(late ? "idle_timeout" : end.cause, undefined);
    }
    this.#whole = true;
    switch (this.#mode) {
      case "head":
        return this.#break("upstream_invalid", "The server gave no answer.");
      case "events":
        if (!this.#pumping) this.#streamEnded();
        return;
      case "document":
        void this.#documentEnded();
        return;
      case "refusal":
        return this.#refused();
      case "ignored":
        return this.#taken();
      default:
        this.#mode satisfies never;
    }
  }

  /** Events one after the other; while one is judged, or the agent has not taken it, nothing more is read. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    try {
      while (!this.#done) {
        const queue = this.#queue;
        this.#queue = [];
        for (const event of queue) {
          await this.#relay(event);
          if (this.#isOver()) return;
        }
        if (this.#queue.length === 0) break;
      }
    } catch (error) {
      this.#threw(error);
    } finally {
      this.#pumping = false;
    }
    if (this.#done) return;
    if (this.#whole) this.#streamEnded();
    else this.#model?.resume();
  }

  async #relay(event: ServerEvent): Promise<void> {
    if (event === OVERLONG) return this.#break("upstream_invalid", TOO_LONG);
    // Events of other names are none of this protocol's.
    if (event.name !== "message") return;
    const { rules } = this.#options;
    const id = event.id !== undefined && holdsSecret(event.id, rules.forms) ? undefined : event.id;
    if (id !== undefined) this.#resumable = true;
    const { retry, data } = event;
    if (data === undefined || data.length === 0) return this.#write(eventText({ id, retry, data }));
    const given = await this.#messages.judge(data);
    if (this.#done) return;
    switch (given.kind) {
      case "give":
        return this.#write(eventText({ id, retry, data: given.octets }));
      case "drop":
        return;
      case "broken":
        return this.#break(given.reason, given.detail);
      default:
        given satisfies never;
    }
  }

  async #write(octets: Uint8Array): Promise<void> {
    const taking = this.#options.answer.data(octets);
    if (taking !== undefined) await taking;
  }

  #streamEnded(): void {
    const call = this.#open;
    if (call !== undefined && !this.#resumable) {
      return this.#break("upstream_invalid", "The server ended its stream without an answer.");
    }
    this.#finish();
  }

  async #documentEnded(): Promise<void> {
    clearTimeout(this.#timer);
    const octets = this.#document.take();
    try {
      const given = await this.#messages.judge(octets);
      if (this.#done) return;
      if (given.kind === "broken") return this.#break(given.reason, given.detail);
      // Not what was asked for: the answer to something else, or no answer at all.
      if (given.kind === "drop" || this.#open !== undefined) return this.#break("upstream_invalid", NOT_THE_ANSWER);
      const { answer } = this.#options;
      const { length } = given.octets;
      answer.head({ status: 200, fields: [...this.#sessionFields(), ...JSON_FIELDS], length, hasBody: true });
      await this.#write(given.octets);
      if (!this.#isOver()) this.#finish();
    } catch (error) {
      this.#threw(error);
    }
  }

  #refused(): void {
    const { rooms, route, sessionName, rules, call } = this.#options;
    const status = this.#status;
    if (status === 404 && sessionName !== undefined) rooms.sessions.end(route.server, sessionName);
    if (UNAUTHORIZED.has(status)) route.rejected();
    this.#settle(serverRefusal(status, this.#fields, this.#document.take(), call?.request.id, rules));
  }

  #taken(): void {
    const { rooms, route, kind, sessionName, answer } = this.#options;
    if (kind === "end" && sessionName !== undefined) rooms.sessions.end(route.server, sessionName);
    const status = kind === "message" ? 202 : this.#status;
    answer.head({ status, fields: [], length: status === 204 ? undefined : 0, hasBody: false });
    this.#finish();
  }

  /** Ends it for a reason of ours: as the answer where none was begun, and as the stream's last event where one was. */
  #break(reason: Reason, sentence: string | undefined): void {
    if (this.#done) return;
    const { answer, id } = this.#options;
    const call = this.#open;
    this.#model?.abort();
    if (!answer.begun) return this.#settle({ kind: "refused", refusal: { reason, sentence, ...statusOf(reason) } });
    if (this.#mode !== "events") return this.#leave();
    if (call !== undefined) {
      const data = Buffer.from(refusalText(call.request.id, id, { reason, sentence }));
      void answer.data(eventText({ id: undefined, retry: undefined, data }));
    }
    // Told; what the server may say to it yet is for nobody.
    this.#resumable = false;
    this.#finish();
  }

  #finish(): void {
    const { answer, rooms } = this.#options;
    answer.finish(rooms.limits.idle);
    this.#settle({ kind: "answered" });
  }

  /** Asked again after every wait: whatever was waited for, it may be over since. */
  #isOver(): boolean {
    return this.#done;
  }

  /** A bug of ours costs this exchange and its connection, and is heard of. */
  #threw(error: unknown): void {
    this.#model?.abort();
    this.#reject(error);
    this.#settle({ kind: "left" });
  }

  #leave(): void {
    if (this.#done) return;
    this.#model?.abort();
    this.#settle({ kind: "left" });
  }

  #settle(end: McpEnd): void {
    if (this.#done) return;
    this.#done = true;
    const { rooms, agent, session } = this.#options;
    clearTimeout(this.#timer);
    agent.onLeft(undefined);
    rooms.live.delete(this);
    rooms.bodies.release(this.#held);
    this.#held = 0;
    this.#queue = [];
    const call = this.#open;
    if (call !== undefined && this.#resumable) {
      if (rooms.bodies.grow(call.held)) rooms.parked.add(session, call.request.id, call, rooms.clock.monotonic());
      else closeCall(call, "failed");
    } else if (call !== undefined) closeCall(call, "failed");
    this.#resolve(end);
  }

  /** All exchanges together hold only so much. False: this one has ended for it. */
  #hold(octets: number): boolean {
    const { bodies } = this.#options.rooms;
    if (octets <= this.#held) {
      bodies.release(this.#held - octets);
    } else if (!bodies.grow(octets - this.#held)) {
      this.#break("overloaded", undefined);
      return false;
    }
    this.#held = octets;
    return true;
  }

  #setTimer(wait: Millis, sentence: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#break("idle_timeout", sentence), wait);
  }

  /** The session that the handshake has begun: the one field of a server's that the agent gets. */
  #sessionFields(): readonly Field[] {
    const { rooms, route, call, rules } = this.#options;
    const [name, ...more] = fieldValues({ fields: this.#fields }, "mcp-session-id");
    if (call?.request.method !== "initialize" || name === undefined || more.length > 0) return [];
    if (!Sessions.isName(name) || holdsSecret(name, rules.forms)) return [];
    rooms.sessions.begin(route.server, name);
    return [field("Mcp-Session-Id", name)];
  }
}

const OVERLONG: ServerEvent = Object.freeze({ id: undefined, name: "", data: undefined, retry: undefined });

const EVENT_STREAM = /^text\/event-stream[ \t]*(?:;|$)/i;
const JSON_TYPE = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

const LATE = "The server did not end its answer in time.";
const TOO_LONG = "A message of the server's is longer than the policy allows.";
const TOO_MUCH = "The server sends more about one request than the policy allows.";
const NOT_THE_ANSWER = "The server's answer is not the one that was asked for.";

/** A server that is late is no agent that asks too much. */
function statusOf(reason: Reason): { readonly status?: number } {
  return reason === "idle_timeout" || reason === "lifetime_limit" ? { status: 504 } : {};
}
