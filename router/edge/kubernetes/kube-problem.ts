/** Why there is no answer. `message`: one sentence, without anything of credential and body. */
export interface KubeProblem {
  readonly code:
    | "unreachable"
    | "timeout"
    /** The answer is longer than was asked for. */
    | "too_large"
    /** Token, certificate or CA cannot be read. */
    | "credential"
    /** What was asked for is no path of an API server, or what came is no HTTP. */
    | "malformed"
    | "aborted"
    | "closed";
  readonly message: string;
}
