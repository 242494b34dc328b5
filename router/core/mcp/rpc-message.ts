import { fail, ok, type Result } from "../base/result.ts";
import type { Json } from "../json/json.ts";
import { MemberScan } from "../json/member-scan.ts";
import { scanPlan } from "../json/scan-plan.ts";
import type { ScannedMember, ScannedObject } from "../json/scanned-object.ts";
import { ItemCount } from "./item-count.ts";

/** JSON-RPC 2.0 as the Model Context Protocol has it: a text, or an integer that every reader holds alike; never null. */
export type RpcId = string | number;

export type JsonObject = { readonly [name: string]: Json };

/** A member that is an object, and where its text stands in the message. */
export interface ObjectMember {
  readonly value: JsonObject;
  /** Octets from the beginning of the message. */
  readonly at: number;
  readonly end: number;
}

export interface RpcRequest {
  readonly kind: "request";
  readonly id: RpcId;
  readonly method: string;
  readonly params: ObjectMember | undefined;
}

export interface RpcNotification {
  readonly kind: "notification";
  readonly method: string;
  readonly params: ObjectMember | undefined;
}

export interface RpcResponse {
  readonly kind: "response";
  /** Undefined: an error of a message that could not be read. */
  readonly id: RpcId | undefined;
  /** Undefined: it is an error. */
  readonly result: ObjectMember | undefined;
}

export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

export interface RpcProblem {
  /** `parse`: it is no strict JSON; `invalid`: it is no message; `large`: it has more values than may be parsed. */
  readonly kind: "parse" | "invalid" | "large";
  /** Repeats nothing of the message. */
  readonly sentence: string;
  /** Where the message has one that can be answered. */
  readonly id?: RpcId;
}

/** No message is parsed that is longer, whatever the policy says. */
export const MOST_MESSAGE = 4 * 1024 * 1024;
/** Values of a message that are parsed: of the agent's, and of a server's. */
export const MOST_ITEMS_AGENT = 50_000;
export const MOST_ITEMS_SERVER = 200_000;

/** UTF-16 units of an id that is a text. */
const MOST_ID = 256;
const MEMBERS = ["params", "result", "error"] as const;
const PLAN = scanPlan({
  capture: new Map<string, number>([
    ["jsonrpc", 32],
    ["id", 2_048],
    ["method", 256],
    ...MEMBERS.map((name) => [name, MOST_MESSAGE] as const),
  ]),
  count: new Set(),
  depth: 128,
});

const METHOD = /^[\x21-\x7e]{1,128}$/;

/**
 * One message, in chunks cut anywhere. Strict where readers differ: JSON as RFC 8259 has it, no byte order mark, no name
 * twice at any depth, no member beside those of JSON-RPC 2.0, no batch (removed with revision 2025-06-18). Nothing of what
 * has more than `mostItems` values is parsed.
 */
export function readRpcMessage(
  chunks: Iterable<Uint8Array>,
  mostItems: number = MOST_ITEMS_SERVER,
): Result<RpcMessage, RpcProblem> {
  const scan = new MemberScan(PLAN);
  const items = new ItemCount(mostItems);
  for (const chunk of chunks) {
    if (!items.push(chunk)) return fail({ kind: "large", sentence: `A message has at most ${mostItems} values.` });
    const problem = scan.push(chunk);
    if (problem !== undefined) {
      const { code, sentence } = problem;
      return fail(code === "not_object" ? { kind: "invalid", sentence: ONE_OBJECT } : { kind: "parse", sentence });
    }
  }
  const end = scan.end();
  return end.ok ? messageOf(end.value) : fail({ kind: "parse", sentence: end.problem.sentence });
}

const ONE_OBJECT = "A message is one object: batches are not spoken.";

function messageOf({ members, size }: ScannedObject): Result<RpcMessage, RpcProblem> {
  const given = members.get("id");
  const id = given === undefined ? undefined : rpcId(given.value);
  const named = id === undefined ? {} : { id };
  const bad = (sentence: string): Result<never, RpcProblem> => fail({ kind: "invalid", sentence, ...named });
  if (members.get("jsonrpc")?.value !== "2.0") return bad('A message has "jsonrpc": "2.0".');
  if (members.size !== size) return bad("A message has no members but those of JSON-RPC 2.0.");
  const [params, result, error] = MEMBERS.map((name) => members.get(name));
  const method = members.get("method")?.value;
  if (method === undefined) {
    if (params !== undefined || (result === undefined) === (error === undefined)) {
      return bad("A message has a method, or a result, or an error.");
    }
    if (given !== undefined && id === undefined && (error === undefined || given.value !== null)) return bad(BAD_ID);
    if (given === undefined && error === undefined) return bad(BAD_ID);
    if (error !== undefined) return isError(error.value) ? ok(response(id, undefined)) : bad("The error is malformed.");
    const object = result && objectMember(result);
    return object === undefined ? bad("A result is an object.") : ok(response(id, object));
  }
  if (result !== undefined || error !== undefined) return bad("A message has a method, or a result, or an error.");
  if (typeof method !== "string" || !METHOD.test(method)) return bad("A method is 1 to 128 characters of ASCII.");
  if (given !== undefined && id === undefined) return bad(BAD_ID);
  const object = params && objectMember(params);
  if (params !== undefined && object === undefined) return bad("Params are an object.");
  return ok(
    id === undefined
      ? { kind: "notification", method, params: object }
      : { kind: "request", id, method, params: object },
  );
}

const BAD_ID = `An id is a text of at most ${MOST_ID} characters, or an integer of at most 53 bits.`;

function rpcId(value: Json): RpcId | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) ? value + 0 : undefined;
  return typeof value === "string" && value.length <= MOST_ID && value.isWellFormed() ? value : undefined;
}

function response(id: RpcId | undefined, result: ObjectMember | undefined): RpcResponse {
  return { kind: "response", id, result };
}

function objectMember({ value, at, end }: ScannedMember): ObjectMember | undefined {
  return isJsonObject(value) ? { value, at, end } : undefined;
}

function isError(value: Json): boolean {
  return isJsonObject(value) && Number.isSafeInteger(value["code"]) && typeof value["message"] === "string";
}

export function isJsonObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Equal for the same id and for no other: `1` is not `"1"`. */
export function idKey(id: RpcId): string {
  return typeof id === "number" ? `#${id}` : `"${id}`;
}
