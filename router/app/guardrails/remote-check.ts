import { assertNever } from "../../core/base/assert-never.ts";
import { fail, type Result } from "../../core/base/result.ts";
import type { Guardrail, GuardrailCheck } from "../../core/guardrail/guardrail-rule.ts";
import { moderationRequest, readModerationAnswer } from "../../core/guardrail/moderation.ts";
import { readWebhookAnswer, webhookRequest } from "../../core/guardrail/webhook.ts";
import type { Phase } from "../../core/guardrail/written-texts.ts";
import type { Api } from "../../core/inference/api.ts";

export type RemoteCheck = Exclude<GuardrailCheck, { kind: "patterns" }>;

export interface RemoteAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * Posts a JSON body to what the check names: a webhook's URL with its token, or `/v1/moderations` at a provider of the
 * policy with its credential. Bounds what it reads, keeps to the signal, follows no redirect. The problem is one sentence
 * without anything of the body.
 */
export type PostCheck = (
  check: RemoteCheck,
  body: string,
  signal: AbortSignal,
) => Promise<Result<RemoteAnswer, string>>;

export type RemoteVerdict =
  | { readonly kind: "pass" }
  | { readonly kind: "mask"; readonly texts: readonly string[] }
  | { readonly kind: "block"; readonly reason: string };

export interface Question {
  readonly phase: Phase;
  readonly api: Api;
  readonly model: string;
  readonly texts: readonly string[];
}

/** The reason where a check has not answered, in time and as it should. */
export const CHECK_FAILED = "check_failed";
/** The reason where a webhook gave none, or would mask what may not be masked. */
export const WEBHOOK = "webhook";

/** Asks about texts. Whatever is not a proper answer in time blocks; never rejects. */
export async function askRemotely(
  { check, action, timeout }: Guardrail & { readonly check: RemoteCheck },
  question: Question,
  post: PostCheck,
): Promise<RemoteVerdict> {
  const texts = check.kind === "moderation" ? question.texts.filter((text) => text !== "") : question.texts;
  if (texts.length === 0) return { kind: "pass" };
  const answer = await inTime(post, check, requestOf(check, question, texts), timeout);
  if (!answer.ok || answer.value.status !== 200) return blocked(CHECK_FAILED);
  if (check.kind === "moderation") {
    const flagged = readModerationAnswer(answer.value.body, texts.length);
    if (!flagged.ok) return blocked(CHECK_FAILED);
    return flagged.value.length === 0 ? { kind: "pass" } : blocked(flagged.value.join(" "));
  }
  const said = readWebhookAnswer(answer.value.body, texts.length);
  if (!said.ok) return blocked(CHECK_FAILED);
  switch (said.value.action) {
    case "allow":
      return { kind: "pass" };
    case "block":
      return blocked(said.value.reason === "" ? WEBHOOK : said.value.reason);
    case "mask":
      // The policy says what may be done: whoever would mask where it says block has found something.
      return action === "mask" ? { kind: "mask", texts: said.value.texts } : blocked(WEBHOOK);
    default:
      return assertNever(said.value);
  }
}

function blocked(reason: string): RemoteVerdict {
  return { kind: "block", reason };
}

function requestOf(check: RemoteCheck, { phase, api, model }: Question, texts: readonly string[]): string {
  return check.kind === "moderation" ? moderationRequest(check.model, texts) : webhookRequest(phase, api, model, texts);
}

/** Also where `post` does not keep to its signal. */
async function inTime(
  post: PostCheck,
  check: RemoteCheck,
  body: string,
  timeout: number,
): Promise<Result<RemoteAnswer, string>> {
  const { promise: late, resolve } = Promise.withResolvers<Result<RemoteAnswer, string>>();
  const aborter = new AbortController();
  const timer = setTimeout(() => {
    aborter.abort();
    resolve(fail("The check has not answered in time."));
  }, timeout);
  try {
    return await Promise.race([post(check, body, aborter.signal), late]);
  } catch {
    return fail("The check could not be asked.");
  } finally {
    clearTimeout(timer);
  }
}

export function isRemote(rail: Guardrail): rail is Guardrail & { readonly check: RemoteCheck } {
  return rail.check.kind !== "patterns";
}
