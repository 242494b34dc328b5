import { fail, ok, type Result } from "../../core/base/result.ts";
import { locationUrl, sameOrigin } from "../../core/wire/fetch-url.ts";
import type { Field } from "../../core/wire/message-head.ts";
import { fieldValues } from "../../core/wire/fields.ts";
import { acrossOrigins, withoutContentFields } from "./fetch-fields.ts";
import type { FetchStep } from "./read-fetch.ts";

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * The request that an answer leads to, as the Fetch standard has it ("HTTP-redirect fetch"); undefined: it leads nowhere and
 * is the answer. Stricter than that standard: from https nothing leads to http, and to another origin goes nothing of the
 * agent's that could be a credential. The problem is one sentence.
 */
export function nextStep(
  step: FetchStep,
  answer: { readonly status: number; readonly fields: readonly Field[] },
): Result<FetchStep | undefined, string> {
  const { status } = answer;
  if (!REDIRECTS.has(status)) return ok(undefined);
  const [location, ...more] = fieldValues(answer, "location");
  if (location === undefined) return ok(undefined);
  if (more.length > 0) return fail("It redirects to more than one place.");
  const url = locationUrl(step.url, location);
  if (!url.ok) return fail(`It redirects to what cannot be fetched. ${url.problem}`);
  if (step.url.scheme === "https" && url.value.scheme === "http") return fail("It redirects from https to http.");
  const fields = sameOrigin(step.url, url.value) ? step.fields : acrossOrigins(step.fields);
  if (!becomesGet(status, step.method)) return ok({ url: url.value, method: step.method, fields, body: step.body });
  return ok({ url: url.value, method: "GET", fields: withoutContentFields(fields), body: undefined });
}

function becomesGet(status: number, method: string): boolean {
  if (status === 301 || status === 302) return method === "POST";
  return status === 303 && method !== "GET" && method !== "HEAD";
}
