/** How a request for access stands. */
export type RequestState = "pending" | "approved" | "denied" | "expired" | "revoked" | "used";

/**
 * What a request and its grant are bound to: a digest over everything that was judged (`action-digest.ts`), so that an
 * approval cannot be used for another host, method, path or other arguments.
 */
export type ActionDigest = string;

export interface AccessRequest {
  /** Twenty characters; not guessable. */
  readonly id: string;
  readonly digest: ActionDigest;
  /** For people: `egress tls api.example.com:443`, `tool github/create_issue`. */
  readonly summary: string;
  /** The agent's own words, bounded and safe to print. */
  readonly reason: string;
  readonly at: number;
  /** When it is over if nobody answers. */
  readonly expiresAt: number;
  readonly state: RequestState;
  /** How often the same was asked for. */
  readonly count: number;
}

/** What an operator gave. It is over at `expiresAt`, when it is used up, or when it is revoked, whichever comes first. */
export interface Grant {
  /** Of the approval it comes from. */
  readonly id: string;
  readonly digest: ActionDigest;
  /** Undefined: as often as wanted until it is over. */
  readonly uses: number | undefined;
  readonly expiresAt: number;
}
