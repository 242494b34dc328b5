import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Reason } from "../../core/base/reason.ts";
import type { InferenceAction } from "../../core/governance/action.ts";
import type { Denial, Governor, Leave } from "../governance/governor.ts";

/** What the governance policy is asked of a call; its provider is the one that is asked at the time. */
export type CallAction = Omit<InferenceAction, "provider">;

/**
 * The governance policy's leave for one call to a model. It is for one provider at a time: rules, limits and approvals
 * may be of one of them alone, and what counts is who is really asked.
 */
export class GovernedCall {
  readonly #governor: Governor;
  readonly #call: CallAction;
  #asked: { readonly action: InferenceAction; readonly leave: Leave } | undefined;
  #holds: (() => boolean) | undefined;

  constructor(governor: Governor, call: CallAction) {
    this.#governor = governor;
    this.#call = call;
  }

  /** Whether rules, approvals and behaviour let the provider be asked. Takes nothing. */
  mayAsk(provider: string): boolean {
    return !this.#governor.governs() || this.#governor.preview({ ...this.#call, provider }).kind === "allowed";
  }

  /**
   * Takes leave to ask the provider, in place of the leave for the one before; without effect where it is the same. What
   * was counted for the one before stays counted: it was asked. A limit over both of them counts both.
   */
  ask(provider: string): Result<void, Denial> {
    if (this.#asked?.action.provider === provider) return ok(undefined);
    // How the call ends is told once, of the provider that was asked last.
    this.ended("unknown", 0);
    const action = { ...this.#call, provider };
    const judged = this.#governor.judge(action, true);
    if (judged.kind === "refused") return fail(judged);
    this.#asked = { action, leave: judged };
    return ok(undefined);
  }

  /** It may go on only while this is so. Asked whenever policy, behaviour or approvals change; it must not be dear. */
  onlyWhile(holds: () => boolean): void {
    this.#holds = holds;
  }

  /** Why it may not go on, as rules and behaviour are now. */
  lost(): Reason | undefined {
    if (this.#holds?.() === false) return "governance_denied";
    return this.#asked && this.#governor.standing(this.#asked.action, this.#asked.leave.approval);
  }

  /** Again is without effect. */
  ended(result: "succeeded" | "failed" | "unknown", bytes: number): void {
    this.#asked?.leave.ended(result, bytes);
    this.#asked = undefined;
  }
}
