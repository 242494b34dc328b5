import { fail, type Result } from "../base/result.ts";

/**
 * Why a request cannot be carried over. `param` is the path of the member in the caller's body, as the caller's API
 * writes paths (`messages[3].content[0].type`; Anthropic: `messages.3.content.0.type`); `sentence` is for people and
 * holds no text of the request.
 */
export interface Refusal {
  readonly param: string;
  readonly sentence: string;
}

/** While it travels up, `param` is relative: it begins with "." or "[". */
export function refuse(param: string, sentence: string): { readonly ok: false; readonly problem: Refusal } {
  return fail({ param, sentence });
}

/** The same refusal as seen from one level above. */
export function within(
  prefix: string,
  { param, sentence }: Refusal,
): { readonly ok: false; readonly problem: Refusal } {
  return fail({ param: `${prefix}${param}`, sentence });
}

/** The result of a whole request: `param` is a path from the body. */
export function fromRoot<Value>(result: Result<Value, Refusal>): Result<Value, Refusal> {
  if (result.ok) return result;
  const { param, sentence } = result.problem;
  return refuse(param.replace(/^\./, ""), sentence);
}
