import type { Result } from "../../core/base/result.ts";
import type { Credential } from "../../core/credential/inject.ts";
import type { CredentialProblem } from "./credential-problem.ts";
import type { LeakRules } from "./known-secrets.ts";

export type Obtained = Result<Credential, CredentialProblem>;

/** Where one credential comes from, with the life that it has there. */
export interface Source {
  /** At once where it is at hand, and then the same object as before where it is the same credential. */
  get(): Obtained | Promise<Obtained>;
  /** The provider did not take it. */
  rejected(): void;
  rules(): LeakRules;
  /** Nothing is given any more; what is under way is given up. */
  close(): void;
}

export const CLOSED: CredentialProblem = { code: "closed", message: "The source of the credential is closed." };
