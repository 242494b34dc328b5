import type { EpochMillis, Millis } from "../base/quantity.ts";
import type { Action } from "../governance/action.ts";

/** How a request for access stands. All but `pending` and `approved` are the end of it. */
export type RequestState = "pending" | "approved" | "denied" | "expired" | "revoked" | "used" | "withdrawn";

/**
 * What a request and its grant are bound to: SHA-256 in hex over everything that was judged (`action-form.ts`), so that an
 * approval cannot be used for another host, method, path or other arguments.
 */
export type ActionDigest = string;

export interface AccessRequest {
  /** Twenty characters; not guessable. */
  readonly id: string;
  readonly digest: ActionDigest;
  readonly action: Action;
  /** RFC 6901 pointers into a tool's arguments that nobody is shown but as digests. */
  readonly redact: readonly string[];
  /** For people, of all that is bound: `egress tls api.example.com:443`, `tool github/create_issue {"title":"x"}`. */
  readonly summary: string;
  /** The agent's own words, bounded and safe to print. */
  readonly reason: string;
  readonly at: EpochMillis;
  /** When it is over if nobody answers. */
  readonly expiresAt: EpochMillis;
  readonly state: RequestState;
  /** How often the same was asked for. */
  readonly count: number;
}

/** What is remembered of one whose state may have ended it. */
export type KnownRequest = Omit<AccessRequest, "action" | "redact">;

/** Which pods an approval is for; what is left out is any. */
export interface ApprovalTarget {
  readonly namespace: string | undefined;
  readonly agent: string | undefined;
  readonly pod: string | undefined;
}

/** An `EgressApproval` document after its strict parse. `uses`, `duration` or both are there. */
export interface EgressApproval {
  readonly name: string;
  /** What it allows; of a tool's call the arguments may be named by their digest alone. */
  readonly action: Action;
  /** `sha256:` and hex, where the arguments themselves are not written out. */
  readonly argumentsDigest: string | undefined;
  readonly reason: string;
  readonly requestedBy: string | undefined;
  readonly target: ApprovalTarget;
  /** Undefined: as often as wanted until it is over. */
  readonly uses: number | undefined;
  /** Counted from the approval; undefined: as long as the policy lets any grant last. */
  readonly duration: Millis | undefined;
  /** Never taken back. */
  readonly revoked: boolean;
  /** What the condition `Approved` says, and since when; undefined: nobody has answered. */
  readonly answer: { readonly approved: boolean; readonly at: EpochMillis } | undefined;
}
