import type { Millis } from "../../core/base/quantity.ts";
import type { KubeAnswer } from "./kube-client.ts";
import type { KubeProblem } from "./kube-problem.ts";
import { statusMessage } from "./kube-status.ts";

export type TroubleReason =
  | "unreachable"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "throttled"
  | "server_error"
  | "malformed"
  | "too_many_objects"
  | "object_too_large"
  /** What was to be watched from is not kept any more. */
  | "expired"
  | "credential";

/** Why a collection cannot be followed just now. */
export interface WatchTrouble {
  readonly reason: TroubleReason;
  /** One sentence, safe to print. */
  readonly message: string;
  /** What the server asks to be waited for. */
  readonly wait?: Millis | undefined;
}

export function problemTrouble({ code, message }: KubeProblem): WatchTrouble {
  switch (code) {
    case "unreachable":
    case "timeout":
    case "aborted":
    case "closed":
      return { reason: "unreachable", message };
    case "credential":
      return { reason: "credential", message };
    case "malformed":
      return { reason: "malformed", message };
    case "too_large":
      return { reason: "object_too_large", message };
    default:
      return code satisfies never;
  }
}

/** Of an answer that is not 200. */
export function answerTrouble({ status, body, retryAfter }: KubeAnswer): WatchTrouble {
  const said = statusMessage(body).message;
  const message = `The API server answered ${status}${said === "" ? "" : `: ${said}`}.`;
  return { reason: reasonOf(status), message, wait: retryAfter };
}

/** `code`: as of HTTP. */
export function reasonOf(code: number): TroubleReason {
  switch (code) {
    case 401:
      return "unauthorized";
    case 403:
      return "forbidden";
    case 404:
      return "not_found";
    case 410:
      return "expired";
    case 429:
      return "throttled";
    default:
      return "server_error";
  }
}

/** It will hardly be better in a moment: somebody has to do something. */
export function isLasting(reason: TroubleReason): boolean {
  return SLOW.has(reason);
}

const SLOW: ReadonlySet<TroubleReason> = new Set(["forbidden", "not_found", "too_many_objects", "object_too_large"]);
