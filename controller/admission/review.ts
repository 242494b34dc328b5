import type { JsonObject } from "../pod/pod.ts";

/** What the API server asks: the `request` of an AdmissionReview (admission.k8s.io/v1), as far as we look at it. */
export interface Review {
  /** Echoed in the answer. 1..128 printable characters. */
  readonly uid: string;
  /** Group, version and plural of what the webhook was called for; the group of pods is empty. */
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string };
  /** `ephemeralcontainers`, `status` ...; empty: the object itself. */
  readonly subResource: string;
  readonly operation: Operation;
  /** Empty for what has no namespace. */
  readonly namespace: string;
  /** Empty where the API server has yet to make one (`generateName`). */
  readonly name: string;
  readonly user: { readonly username: string; readonly groups: readonly string[] };
  /** Undefined on DELETE. */
  readonly object: JsonObject | undefined;
  /** Undefined on CREATE. */
  readonly oldObject: JsonObject | undefined;
  /** Nothing is stored whatever the answer is. */
  readonly dryRun: boolean;
}

export const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT"] as const;
export type Operation = (typeof OPERATIONS)[number];
