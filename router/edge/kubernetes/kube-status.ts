import { safeText } from "../../core/wire/safe-text.ts";
import { isRecord } from "./is-record.ts";

export interface StatusMessage {
  /** CamelCase, such as `AlreadyExists`; empty where there is none. */
  readonly reason: string;
  readonly message: string;
  /** 0 where there is none. */
  readonly code: number;
}

const MOST_MESSAGE = 512;

/** What a `metav1.Status` says, bounded and safe to print; empty texts of whatever else a body is. */
export function statusMessage(body: unknown): StatusMessage {
  const status = isRecord(body) ? body : {};
  const { reason, message, code } = status;
  return {
    reason: typeof reason === "string" && /^[A-Za-z]{1,64}$/.test(reason) ? reason : "",
    message: typeof message === "string" ? safeText(message.slice(0, MOST_MESSAGE), MOST_MESSAGE) : "",
    code: typeof code === "number" && Number.isInteger(code) && code >= 100 && code <= 599 ? code : 0,
  };
}
