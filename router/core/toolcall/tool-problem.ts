import { fail } from "../base/result.ts";

/** Why tools of a request, or calls in an answer, cannot be judged or taken out. */
export interface ToolProblem {
  /**
   * `unreadable`: not of the form that the API says, or of one that readers take in different ways. `elsewhere`: tools are
   * brought where none can be judged. `chosen_tool_denied`: the request demands a tool that was taken out.
   * `tools_needed`: without any tool the API would refuse the calls that the conversation holds.
   */
  readonly code:
    | "unreadable"
    | "too_many_tools"
    | "too_many_calls"
    | "elsewhere"
    | "chosen_tool_denied"
    | "tools_needed";
  /** The member; empty: the body. */
  readonly param: string;
  /** One sentence that repeats nothing of the input. */
  readonly sentence: string;
}

export function toolProblem(
  code: ToolProblem["code"],
  param: string,
  sentence: string,
): { readonly ok: false; readonly problem: ToolProblem } {
  return fail({ code, param, sentence });
}
