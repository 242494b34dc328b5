import type { Reason } from "../base/reason.ts";
import type { NamePermit } from "./permit.ts";

/** What policy says of a request: a permit, or why not. There is no third answer and no default. */
export type Decision =
  | { readonly effect: "permit"; readonly permit: NamePermit }
  | {
      readonly effect: "deny";
      readonly reason: Reason;
      readonly rule: string | undefined;
      /** One sentence that narrows the reason. */
      readonly detail?: string;
    };
