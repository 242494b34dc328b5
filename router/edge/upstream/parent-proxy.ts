import type { Result } from "../../core/base/result.ts";
import type { Endpoint } from "../../core/config/endpoint-shape.ts";
import type { Authority } from "../../core/wire/authority.ts";

/** What a parent asks for; each octet as the character of its number. It belongs in no log and no problem. */
export interface ParentCredential {
  /** Without a colon, not empty. */
  readonly user: string;
  readonly password: string;
}

export interface ParentSecrets {
  /** Undefined: the parent asks for none. */
  readonly credential: ParentCredential | undefined;
  /** PEM, and then nobody else's certificates count; undefined: the platform's roots. */
  readonly ca: string | undefined;
}

/** A proxy that the operator has this router's traffic go through. */
export interface ParentProxy {
  /** As configured; what problems call it. */
  readonly name: string;
  readonly kind: "http" | "socks5";
  /** `https`: TLS to the parent itself, below whichever kind it is. */
  readonly endpoint: Endpoint;
  /** What it is asked for: the vetted address, or the name that was judged, which it resolves as it likes. */
  readonly send: "address" | "name";
  /** Asked for each dial. The problem names the file and nothing of what is in it. */
  secrets(): Promise<Result<ParentSecrets, string>>;
}

export interface ParentProblem {
  /** `upstream_invalid`: it answered, and what it said is no answer, or not to be trusted. */
  readonly reason: "upstream_unreachable" | "upstream_invalid";
  /** A phrase in our words; nothing that a peer sent is in it but a number. */
  readonly detail: string;
  /** Another address of the same origin may fare better. */
  readonly again: boolean;
}

/** What is said to a parent until the tunnel is open, without any socket: one for each connection. */
export interface ParentDialogue {
  readonly opening: Uint8Array;
  /** `heard`: every octet that came and was not used yet. */
  hear(heard: Uint8Array): DialogueStep;
}

export type DialogueStep =
  | { readonly kind: "more" }
  /** Asked anew with what is left behind `used`. */
  | { readonly kind: "say"; readonly octets: Uint8Array; readonly used: number }
  /** What is left behind `used` is the origin's. */
  | { readonly kind: "open"; readonly used: number }
  | { readonly kind: "failed"; readonly problem: ParentProblem };

export type OpenDialogue = (target: Authority, credential: ParentCredential | undefined) => ParentDialogue;

export function failed(reason: ParentProblem["reason"], detail: string, again = false): DialogueStep {
  return { kind: "failed", problem: { reason, detail, again } };
}
