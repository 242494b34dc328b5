import type { Api } from "../inference/api.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { answerMembers, remoteReason } from "./remote-answer.ts";
import type { Phase } from "./written-texts.ts";

export type WebhookAnswer =
  | { readonly action: "allow" }
  | { readonly action: "block"; readonly reason: string }
  /** As many as were asked about, in their order. */
  | { readonly action: "mask"; readonly texts: readonly string[] };

/**
 * The body of the POST. `texts` is what a model sees or says, in the order of the body, with names and numbers
 * in what tools take and give, and tools' names; those may not be masked.
 */
export function webhookRequest(phase: Phase, api: Api, model: string, texts: readonly string[]): string {
  return JSON.stringify({ phase, api, model, texts });
}

/**
 * `{action: "allow" | "block" | "mask", texts?, reason?}` and nothing else; `texts` with `mask` only, one for each that was
 * sent. The problem is one sentence: whoever answers otherwise has not answered.
 */
export function readWebhookAnswer(answer: string, sent: number): Result<WebhookAnswer, string> {
  const members = answerMembers(answer);
  if (!members.ok) return members;
  const { action, texts, reason, ...others } = members.value;
  if (Object.keys(others).length > 0) return fail("The answer has a member that is not known.");
  if (reason !== undefined && reason !== null && typeof reason !== "string") return fail("The reason is not a text.");
  if (action !== "mask" && texts !== undefined && texts !== null) return fail("Texts come with masking only.");
  switch (action) {
    case "allow":
      return ok({ action });
    case "block":
      return ok({ action, reason: remoteReason(typeof reason === "string" ? reason : "") });
    case "mask":
      if (!Array.isArray(texts) || texts.length !== sent || !texts.every((text) => typeof text === "string")) {
        return fail("The masked texts are not one for each that was sent.");
      }
      return ok({ action, texts });
    default:
      return fail("The action is not allow, block or mask.");
  }
}
