import { fail, ok, type Result } from "../base/result.ts";
import { foldName } from "../json/fold-name.ts";
import { isJsonObject, type JsonObject } from "./rpc-message.ts";

export interface InputRequest {
  readonly method: string;
  readonly params: JsonObject;
}

/** Requests to the agent within one result. */
const MOST = 64;

/**
 * What a result asks of the agent before there is one (multi round-trip requests, revision 2026-07-28): `inputRequests`,
 * whatever `resultType` says. Empty: nothing. The problem is one sentence.
 */
export function inputRequests(result: JsonObject): Result<readonly InputRequest[], string> {
  if (Object.keys(result).some((name) => name !== "inputRequests" && foldName(name) === "inputrequests")) {
    return fail("A result has a member whose name some readers take for another's.");
  }
  const given = result["inputRequests"];
  if (given === undefined || given === null) return ok([]);
  if (!isJsonObject(given)) return fail("The input requests of a result are an object.");
  const requests: InputRequest[] = [];
  for (const request of Object.values(given)) {
    if (!isJsonObject(request)) return fail(BAD);
    const { method, params = {} } = request;
    if (typeof method !== "string" || method.length > 128 || !isJsonObject(params)) return fail(BAD);
    requests.push({ method, params });
  }
  return requests.length <= MOST ? ok(requests) : fail(`A result has ${MOST} input requests at most.`);
}

const BAD = "An input request of a result has a method and params.";
