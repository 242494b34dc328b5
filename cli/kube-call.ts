import { type EpochMillis, epochMillis } from "../router/core/base/quantity.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import { type StatusMessage, statusMessage } from "../router/edge/kubernetes/kube-status.ts";
import type { KubeAccess } from "./kube-access.ts";
import { type Members, membersOf } from "./kube-object.ts";

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PATCH";
  readonly path: string;
  readonly body?: unknown;
}

export interface KubeAnswer {
  readonly object: Members;
  /** The API server's clock, in whole seconds. */
  readonly at: EpochMillis | undefined;
}

/** `status` is 0 where there was no answer. */
export interface KubeFailure extends StatusMessage {
  readonly status: number;
}

/** The API server keeps objects of 1.5 MiB at most. */
const MAXIMUM_BODY = 4 * 1024 * 1024;
/** Milliseconds. */
const DEADLINE = 15_000;

/** One request to the API server: an object, or why not. A PATCH is a merge patch (RFC 7386). `deadline`, of it all, is for tests. */
export async function callKube(
  access: KubeAccess,
  request: KubeRequest,
  deadline = DEADLINE,
): Promise<Result<KubeAnswer, KubeFailure>> {
  const { origin, prefix, sender } = access;
  const { method, path, body } = request;
  const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const failed = (message: string): Result<never, KubeFailure> => fail({ status: 0, code: 0, reason: "", message });
  try {
    const answer = await sender.request({
      origin,
      path: prefix + path,
      method,
      headers: {
        ...access.headers,
        accept: "application/json",
        "user-agent": "sluice",
        ...(body === undefined ? {} : { "content-type": contentType }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: deadline,
      bodyTimeout: deadline,
      signal: AbortSignal.timeout(deadline),
    });
    const text = await wholeText(answer.body);
    if (text === undefined) return failed(`Its answer is larger than ${MAXIMUM_BODY} octets.`);
    const parsed = parseJson(text);
    const { statusCode: status, headers } = answer;
    if (status < 200 || status > 299) return fail({ ...statusMessage(parsed), status });
    const time = Date.parse(typeof headers["date"] === "string" ? headers["date"] : "");
    return ok({ object: membersOf(parsed), at: Number.isNaN(time) ? undefined : epochMillis(time) });
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

async function wholeText(body: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of body) {
    length += part.length;
    if (length > MAXIMUM_BODY) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
