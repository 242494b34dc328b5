import { readRpcMessage, type RpcId } from "../../core/mcp/rpc-message.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { LeakRules } from "../credentials/known-secrets.ts";
import { JSON_FIELDS } from "./answer-fields.ts";
import { holdsCredential } from "./holds-credential.ts";
import type { McpEnd } from "./mcp-end.ts";

/** They are about the router's credential, which is nothing of the agent's: a client would begin to ask for one. */
export const UNAUTHORIZED: ReadonlySet<number> = new Set([401, 403, 407]);

const PASSED: ReadonlyMap<string, RegExp> = new Map([
  ["allow", /^[A-Z]{1,16}(?:, ?[A-Z]{1,16}){0,8}$/],
  ["retry-after", /^[0-9]{1,9}$/],
]);

/**
 * What the agent is told of a server's own refusal (400 to 599): its words where they are a JSON-RPC error about this
 * request, and in any case what HTTP says of it.
 */
export function serverRefusal(
  status: number,
  fields: readonly Field[],
  octets: Uint8Array,
  asked: RpcId | undefined,
  rules: LeakRules,
): McpEnd {
  if (UNAUTHORIZED.has(status)) {
    const sentence = "The server did not take the router's credential.";
    return { kind: "refused", refusal: { reason: "upstream_invalid", sentence } };
  }
  const passed = fields.filter(({ name, value }) => PASSED.get(name)?.test(value) === true);
  const read = readRpcMessage([octets]);
  const isError = read.ok && read.value.kind === "response" && read.value.result === undefined;
  if (isError && (read.value.id === undefined || read.value.id === asked) && !holdsCredential(rules, octets)) {
    return { kind: "passed", status, fields: [...passed, ...JSON_FIELDS], body: octets };
  }
  const told = passed.map(({ rawName, value }) => [rawName, value] as const);
  const sentence = `The server answered ${status}.`;
  return { kind: "refused", refusal: { reason: "upstream_invalid", status, sentence, fields: told } };
}
