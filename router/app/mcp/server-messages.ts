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
import { isListed, judgeCall } from "./tool-judge.ts";

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
    const read = readRpcMessage([octets]);
    if (!read.ok) return broken("The server sent something that is no message of the protocol.");
    if (holdsCredential(this.#options.rules, octets)) return broken(LEAK);
    const message = read.value;
    switch (message.kind) {
      case "response":
        return this.#response(message, octets);
      case "request":
        return this.#request(message, octets);
      case "notification":
        return this.#notification(message, octets);
      default:
        return message satisfies never;
    }
  }

  async #response(response: RpcResponse, octets: Uint8Array): Promise<Given> {
    const call = this.#callOf(response);
    // Nobody asked for it, or it was answered before.
    if (call === undefined) return DROP;
    const fail = (detail: string): Given => {
      closeCall(call, "failed", octets.length);
      return this.#error(call, "upstream_invalid", detail);
    };
    const { allowed } = call;
    const lost = allowed && this.#options.rooms.governor.standing(allowed.action, allowed.leave.approval);
    if (lost !== undefined) {
      closeCall(call, "failed", octets.length);
      return this.#error(call, lost, undefined);
    }
    if (octets.length > call.most) return fail(`The answer is longer than ${call.most} octets.`);
    const { result } = response;
    if (result === undefined) {
      closeCall(call, "failed", octets.length);
      return { kind: "give", octets };
    }
    const refused = await this.#inputs(call, result);
    if (refused !== undefined) {
      closeCall(call, "failed", octets.length);
      return refused;
    }
    const filtered = this.#filtered(octets, result);
    if (!filtered.ok) return fail(filtered.problem);
    closeCall(call, result.value["isError"] === true ? "failed" : "succeeded", octets.length);
    return { kind: "give", octets: filtered.value };
  }

  /** The request that it answers: this exchange's, or one whose stream ended before its answer came. */
  #callOf({ id }: RpcResponse): OpenCall | undefined {
    if (id === undefined) return undefined;
    const { rooms, session, asked, answered } = this.#options;
    const own = asked();
    if (own?.request.id !== id) return rooms.parked.take(session, id, rooms.clock.monotonic());
    answered();
    return own;
  }

  /** Undefined: it asks the agent for nothing, or for nothing that it must not. */
  async #inputs(call: OpenCall, { value }: ObjectMember): Promise<Given | undefined> {
    const requests = inputRequests(value);
    if (!requests.ok) return this.#error(call, "upstream_invalid", requests.problem);
    for (const { method, params } of requests.value) {
      const refusal = await this.#mayAsk(method, params);
      if (refusal === undefined) continue;
      return { kind: "give", octets: Buffer.from(refusal(call.request.id)) };
    }
    return undefined;
  }

  async #request({ id, method, params }: RpcRequest, octets: Uint8Array): Promise<Given> {
    const { rooms, server, session, refuse } = this.#options;
    this.#requests += 1;
    if (this.#requests > MOST_REQUESTS) return broken("The server sends requests of its own without end.");
    if (paramsProblem(params) !== undefined) return broken("The server sent a request that readers differ on.");
    const call = serverCall(method, params?.value ?? {});
    if (call.kind === "pass") {
      rooms.askedByServers.add(session, id, { server, allowed: undefined }, rooms.clock.monotonic());
      return { kind: "give", octets };
    }
    const judged = await judgeCall(rooms, server, call, this.#recordId());
    if (judged.kind === "denied") {
      // What an operator decides is not the server's to know.
      refuse(refusalText(id, this.#options.id, { reason: judged.denial.reason }));
      return DROP;
    }
    rooms.askedByServers.add(session, id, { server, allowed: judged }, rooms.clock.monotonic());
    return { kind: "give", octets };
  }

  /** The answer to the agent's request in place of one that asks for what the agent must not give. */
  async #mayAsk(method: string, params: RpcNotificationParams): Promise<((id: RpcId) => string) | undefined> {
    const { rooms, server, id } = this.#options;
    const call = serverCall(method, params);
    if (call.kind === "pass") return undefined;
    const judged = await judgeCall(rooms, server, call, this.#recordId());
    if (judged.kind === "allowed") {
      // The answer comes with the next request, and with that it is over.
      judged.leave.ended("succeeded", 0, judged.id);
      return undefined;
    }
    const { data, ...refusal } = refusalOf(judged, rooms.asking());
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

function broken(detail: string): Given {
  return { kind: "broken", reason: "upstream_invalid", detail };
}

export const LEAK = "The server's answer holds the router's own credential.";
