import { type EpochMillis, type Millis, millis } from "../core/base/quantity.ts";
import type { PostAnswer } from "../edge/upstream/post.ts";

/** What one batch is sent as. */
export interface ExportPayload {
  readonly contentType: string;
  readonly body: string;
  /** Lines that no record could be made of, and that are not in the body. */
  readonly unreadable: number;
}

/** What became of one batch. Problems are one sentence without secrets. */
export type Delivery =
  /** The receiver has it; `rejected` of its records it says it did not keep, and does not want again. */
  | { readonly kind: "delivered"; readonly rejected: number; readonly problem: string | undefined }
  /** The receiver answered, and will not take this batch as it is. */
  | { readonly kind: "refused"; readonly problem: string }
  /** Nobody knows; the same batch is to be sent again, not before `retryAfter`. */
  | { readonly kind: "failed"; readonly problem: string; readonly retryAfter: Millis | undefined };

/** One way out of the pod. */
export interface Sink {
  /**
   * Ends by its own deadline, and soon after the signal. After `failed` it is to be given the very same payload again,
   * and no other.
   */
  deliver(payload: ExportPayload, records: number, signal: AbortSignal): Promise<Delivery>;
  /** Loads what the first delivery would wait for. */
  prepare(): Promise<void>;
  close(): void;
}

export type ExportProtocol = "webhook" | "otlp";

const LONGEST_RETRY_AFTER = 300_000;
/** RFC 9110 section 5.6.7, IMF-fixdate: the only form that may be sent. */
const HTTP_DATE = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/;

/**
 * What an answer says of a batch of so many records. 408, 429 and all but 2xx and 4xx are worth another try as they
 * are: a redirect, too, which is not followed and somebody will have to mend. Every other 4xx may be the batch's fault.
 */
export function judgeAnswer(
  { status, retryAfter, body }: Omit<PostAnswer, "contentType">,
  records: number,
  protocol: ExportProtocol,
  now: EpochMillis,
): Delivery {
  if (status >= 200 && status < 300) {
    const rejected = protocol === "otlp" ? Math.min(records, rejectedRecords(body)) : 0;
    const problem = rejected === 0 ? undefined : `The receiver rejected ${rejected} of ${records} records.`;
    return { kind: "delivered", rejected, problem };
  }
  const problem = `The receiver answered ${status}.`;
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) return { kind: "refused", problem };
  return { kind: "failed", problem, retryAfter: retryAfterOf(retryAfter, now) };
}

/** RFC 9110 section 10.2.3: seconds or a date; at most five minutes. Undefined where there is none to be obeyed. */
export function retryAfterOf(text: string | undefined, now: EpochMillis): Millis | undefined {
  if (text === undefined) return undefined;
  const wait = /^[0-9]{1,10}$/.test(text) ? Number(text) * 1_000 : HTTP_DATE.test(text) ? Date.parse(text) - now : NaN;
  return wait > 0 ? millis(Math.min(wait, LONGEST_RETRY_AFTER)) : undefined;
}

/** `partialSuccess.rejectedLogRecords` of an ExportLogsServiceResponse (OTLP 1.x; in JSON an int64 is a text). */
function rejectedRecords(body: string): number {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return 0;
  }
  const rejected = memberOf(memberOf(answer, "partialSuccess"), "rejectedLogRecords");
  const count = typeof rejected === "string" && /^[0-9]{1,16}$/.test(rejected) ? Number(rejected) : rejected;
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
