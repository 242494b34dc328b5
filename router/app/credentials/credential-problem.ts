/** Why a request cannot be given its credential. The corridor answers 503 where waiting may help, else 502. */
export interface CredentialProblem {
  readonly code:
    /** The secret's file is missing, empty or holds none. */
    | "secret_unusable"
    /** The token endpoint was not reached, or not in time. */
    | "issuer_unreachable"
    /** It answered, and not with a token. */
    | "issuer_refused"
    /** The request is of a form that cannot be signed. */
    | "unsignable"
    | "closed";
  /** One sentence for people; nothing of a secret is in it. */
  readonly message: string;
}

/** What operators are told, once for each change. */
export type CredentialEvent =
  | { readonly kind: "ready"; readonly source: string; readonly renewIn: number | undefined }
  | {
      readonly kind: "failed";
      readonly source: string;
      readonly problem: CredentialProblem;
      readonly stillValid: boolean;
    };
