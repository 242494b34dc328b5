/** What stands between a provider's answer and the agent: a translation, a guardrail, or both, one after the other. */
export interface AnswerStage {
  push(bytes: Uint8Array, emit: (bytes: Uint8Array) => void): void;
  /** The provider's answer is whole. */
  end(emit: (bytes: Uint8Array) => void): void;
  /** Set once nothing more may pass. */
  readonly blocked: { readonly rule: string; readonly detail: string } | undefined;
  /** Set while a check elsewhere has still to say whether what was emitted may pass. */
  readonly pending: Promise<void> | undefined;
}
