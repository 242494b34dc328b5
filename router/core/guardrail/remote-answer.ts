import { fail, ok, type Result } from "../base/result.ts";
import { eachJsonToken } from "./json-strings.ts";

const MAXIMUM_ANSWER = 16_777_216;

/** The members of a JSON object, none of which stands twice. The problem is one sentence without the answer's text. */
export function answerMembers(answer: string): Result<Readonly<Record<string, unknown>>, string> {
  if (answer.length > MAXIMUM_ANSWER) return fail("The answer is too large.");
  const names = new Set<string>();
  let count = 0;
  const isRead = eachJsonToken(answer, ({ kind, depth, value }) => {
    if (kind !== "name" || depth !== 1) return;
    names.add(value);
    count += 1;
  });
  if (!isRead || names.size !== count) return fail("The answer is not JSON, or says a thing twice.");
  try {
    const value: unknown = JSON.parse(answer);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return ok({ ...value });
  } catch {
    // Said below.
  }
  return fail("The answer is not a JSON object.");
}

/** A sentence that somebody else wrote, fit for a log line and a header: printable ASCII, at most 256 characters. */
export function remoteReason(text: string): string {
  return text.slice(0, 256).replaceAll(/[^\x20-\x7e]/g, "?");
}
