import { millis, type Millis } from "../../router/core/base/quantity.ts";

/** What one peer, and all of them together, may take of the webhook's process. */
export interface AdmissionLimits {
  /** Octets of one review. The API server takes 3 MiB for a pod, and an update carries the old and the new one. */
  readonly body: number;
  /** Octets of all bodies that are not yet answered: what is parsed of them is a multiple of it. */
  readonly heldBodies: number;
  /** Requests between their head and the end of their answer. */
  readonly requests: number;
  readonly connections: number;
  /** From the accept to the end of the TLS handshake, and from the first octet of a head to its end. */
  readonly head: Millis;
  /** From the head to the end of the answer. The API server has given up by then: the webhooks' timeout is 5 s. */
  readonly request: Millis;
  /** An idle connection; longer than the 90 s after which the API server's client lets go of it by itself. */
  readonly idle: Millis;
  /** What is under way when the server closes. */
  readonly drain: Millis;
}

export const ADMISSION_LIMITS: AdmissionLimits = {
  body: 8 * 1024 * 1024,
  heldBodies: 32 * 1024 * 1024,
  requests: 256,
  connections: 512,
  head: millis(5_000),
  request: millis(10_000),
  idle: millis(120_000),
  drain: millis(5_000),
};
