import type { AuditEvent } from "../../core/audit/audit-event.ts";
import type { Reason } from "../../core/base/reason.ts";
import { paramsProblem, serverCall } from "../../core/mcp/agent-call.ts";
import { filterLists } from "../../core/mcp/filter-lists.ts";
import { inputRequests } from "../../core/mcp/input-requests.ts";
import type { McpServer } from "../../core/mcp/mcp-server.ts";
import {
  type ObjectMember,
  readRpcMessage,
  type RpcId,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from "../../core/mcp/rpc-message.ts";
import type { LeakRules } from "../credentials/known-secrets.ts";
import { holdsCredential } from "./holds-credential.ts";
import type { McpRooms } from "./mcp-rooms.ts";
import { refusalOf, refusalText } from "./mcp-refusal.ts";
import { closeCall, type OpenCall } from "./open-call.ts";
import { callLost, isListed, judgeAsked } from "./tool-judge.ts";

export interface ServerMessageOptions {
  readonly rooms: McpRooms;
  readonly server: McpServer;
  /** What belongs together: see `Sessions`. */
  readonly session: string;
  /** Of the exchange. */
  readonly id: string;
  readonly rules: LeakRules;
  /** The request that this exchange is to answer; undefined: none, or it is answered. */
  readonly asked: () => OpenCall | undefined;
  /** It is answered. */
  readonly answered: () => void;
  /** Tells the server that a request of its own is refused. */
  readonly refuse: (text: string) => void;
}

/** What becomes of a message from a server. */
export type Given =
  | { readonly kind: "give"; readonly octets: Uint8Array }
  | { readonly kind: "drop" }
  | { readonly kind: "broken"; readonly reason: Reason; readonly detail: string };

/** What is decided at once, so that no value of the message stays in memory while records are written. */
interface Decided {
  readonly given: Given;
  /** What allows it: to be on record before it goes on. */
  readonly records: readonly AuditEvent[];
  /** Called once it is decided for good; false: the records cannot be made durable. */
  readonly settle: (recorded: boolean) => Given;
}

/** Requests of a server's own within one exchange. */
const MOST_REQUESTS = 1_000;

const DROP: Given = Object.freeze({ kind: "drop" });

/** Judges each message that a server sends, before any octet of it goes to the agent. */
export class ServerMessages {
  readonly #options: ServerMessageOptions;
  #requests = 0;

  constructor(options: ServerMessageOptions) {
    this.#options = options;
  }

  async judge(octets: Uint8Array): Promise<Given> {
    const { given, records, settle } = this.#decide(octets);
    const { rooms } = this.#options;
    for (const event of records) if (!(await rooms.record(event)).ok) return settle(false);
    return records.length === 0 ? given : settle(true);
  }

  #decide(octets: Uint8Array): Decided {
    const read = readRpcMessage([octets]);
    if (!read.ok) return at(broken(read.problem.kind === "large" ? read.problem.sentence : NO_MESSAGE));
    if (holdsCredential(this.#options.rules, octets)) return at(broken(LEAK));
    const message = read.value;
    switch (message.kind) {
      case "response":
        return this.#response(message, octets);
      case "request":
        return this.#request(message, octets);
      case "notification":
        return at(this.#notification(message, octets));
      default:
        return message satisfies never;
    }
  }

  #response(response: RpcResponse, octets: Uint8Array): Decided {
    const call = this.#callOf(response);
    // Nobody asked for it, or it was answered before.
    if (call === undefined) return at(DROP);
    const fail = (given: Given): Decided => {
      closeCall(call, "failed");
      return at(given);
    };
    const lost = call.allowed && callLost(this.#options.rooms, call.allowed);
    if (lost !== undefined) return fail(this.#error(call, lost, undefined));
    if (octets.length > call.most) {
      return fail(this.#error(call, "upstream_invalid", `The answer is longer than ${call.most} octets.`));
    }
    const { result } = response;
    if (result === undefined) return fail({ kind: "give", octets });
    const records: AuditEvent[] = [];
    const refused = this.#inputs(call, result, records);
    if (refused !== undefined) return fail(refused);
    const filtered = this.#filtered(octets, result);
    if (!filtered.ok) return fail(this.#error(call, "upstream_invalid", filtered.problem));
    const ended = result.value["isError"] === true ? "failed" : "succeeded";
    const given: Given = { kind: "give", octets: filtered.value };
    const settle = (recorded: boolean): Given => {
      closeCall(call, recorded ? ended : "failed");
      return recorded ? given : this.#error(call, "audit_unavailable", undefined);
    };
    if (records.length === 0) settle(true);
    return { given, records, settle };
  }

  /** The request that it answers: this exchange's, or one whose stream ended before its answer came. */
  #callOf({ id }: RpcResponse): OpenCall | undefined {
    if (id === undefined) return undefined;
    const { rooms, session, asked, answered } = this.#options;
    const own = asked();
    if (own?.request.id !== id) {
      const parked = rooms.parked.take(session, id, rooms.clock.monotonic());
      if (parked !== undefined) rooms.bodies.release(parked.held);
      return parked;
    }
    answered();
    return own;
  }

  /** Undefined: it asks the agent for nothing, or for nothing that it must not. */
  #inputs(call: OpenCall, { value }: ObjectMember, records: AuditEvent[]): Given | undefined {
    const requests = inputRequests(value);
    if (!requests.ok) return this.#error(call, "upstream_invalid", requests.problem);
    for (const { method, params } of requests.value) {
      const refusal = this.#mayAsk(method, params, records);
      if (refusal === undefined) continue;
      return { kind: "give", octets: Buffer.from(refusal(call.request.id)) };
    }
    return undefined;
  }

  #request({ id, method, params }: RpcRequest, octets: Uint8Array): Decided {
    const { rooms, server, session, refuse } = this.#options;
    this.#requests += 1;
    if (this.#requests > MOST_REQUESTS) return at(broken("The server sends requests of its own without end."));
    if (paramsProblem(params) !== undefined) return at(broken("The server sent a request that readers differ on."));
    const given: Given = { kind: "give", octets };
    const call = serverCall(method, params?.value ?? {});
    if (call.kind === "pass") {
      rooms.askedByServers.add(session, id, { server }, rooms.clock.monotonic());
      return at(given);
    }
    const { denied, event } = judgeAsked(rooms, server, call, this.#recordId());
    // What an operator decides is not the server's to know.
    const drop = (reason: Reason): Given => {
      refuse(refusalText(id, this.#options.id, { reason }));
      return DROP;
    };
    if (denied !== undefined) {
      rooms.recordSoon(event);
      return at(drop(denied.denial.reason));
    }
    const settle = (recorded: boolean): Given => {
      if (!recorded) return drop("audit_unavailable");
      rooms.askedByServers.add(session, id, { server }, rooms.clock.monotonic());
      return given;
    };
    return { given, records: [event], settle };
  }

  /** The answer to the agent's request in place of one that asks for what the agent must not give. */
  #mayAsk(method: string, params: RpcNotificationParams, records: AuditEvent[]): ((id: RpcId) => string) | undefined {
    const { rooms, server, id } = this.#options;
    const call = serverCall(method, params);
    if (call.kind === "pass") return undefined;
    const { denied, event } = judgeAsked(rooms, server, call, this.#recordId());
    if (denied === undefined) {
      records.push(event);
      return undefined;
    }
    rooms.recordSoon(event);
    const { data, ...refusal } = refusalOf(denied, rooms.asking());
    return (asked) => refusalText(asked, id, refusal, data);
  }

  #notification({ method, params }: RpcNotification, octets: Uint8Array): Given {
    if (!method.startsWith("notifications/")) return DROP;
    if (params === undefined) return { kind: "give", octets };
    const filtered = this.#filtered(octets, params);
    return filtered.ok ? { kind: "give", octets: filtered.value } : broken(filtered.problem);
  }

  #filtered(octets: Uint8Array, holder: ObjectMember): ReturnType<typeof filterLists> {
    const { rooms, server } = this.#options;
    return filterLists(octets, holder, (listing, item) => isListed(rooms, server, listing, item));
  }

  #error(call: OpenCall, reason: Reason, sentence: string | undefined): Given {
    return { kind: "give", octets: Buffer.from(refusalText(call.request.id, this.#options.id, { reason, sentence })) };
  }

  #recordId(): string {
    this.#requests += 1;
    return `${this.#options.id}.${this.#requests}`;
  }
}

type RpcNotificationParams = ObjectMember["value"];

/** Decided, with nothing to record. */
function at(given: Given): Decided {
  return { given, records: [], settle: () => given };
}

const NO_MESSAGE = "The server sent something that is no message of the protocol.";

function broken(detail: string): Given {
  return { kind: "broken", reason: "upstream_invalid", detail };
}

export const LEAK = "The server's answer holds the router's own credential.";
