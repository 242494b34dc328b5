import type { Millis } from "../../core/base/quantity.ts";
import type { DnsFinding } from "../../core/wire/dns-answer.ts";
import type { DnsQuestion } from "../../core/wire/dns-message.ts";

/** What a question over a connection came to. */
export type LinkAnswer =
  | { readonly kind: "answered"; readonly finding: DnsFinding }
  /** The connection ended before the answer, through no fault of the question's. */
  | { readonly kind: "lost" }
  /** A code as c-ares would say it. */
  | { readonly kind: "failed"; readonly code: string };

/** A connection to a server, over which questions are asked side by side. */
export interface DnsLink {
  /** False: nothing can be asked over it any more. */
  readonly isOpen: boolean;
  /** Never rejects; ends within `timeout`. */
  ask(question: DnsQuestion, timeout: Millis): Promise<LinkAnswer>;
  destroy(): void;
}

/** Nobody asks over it any more: then the server need not keep it. */
export const LINK_IDLE_MILLIS = 20_000;
/** Questions at the same time: what a hostile or hanging server can hold. */
export const MOST_PENDING = 256;
