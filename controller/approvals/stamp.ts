import { isRecord } from "../../router/edge/kubernetes/is-record.ts";
import { quoted } from "../../router/core/document/quoted.ts";

/** RFC 6902, as an AdmissionResponse carries it. */
export interface PatchOperation {
  readonly op: "add";
  readonly path: string;
  readonly value: string;
}

/** `patch` may be empty: it is as it should be. `refused` is one sentence for who asked. */
export type Stamped = { readonly patch: readonly PatchOperation[] } | { readonly refused: string };

/** As of `spec.requestedBy` (parse-egress-approval.ts), in UTF-16 units. */
const LONGEST_NAME = 253;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * Writes who asked into a new EgressApproval: `spec.requestedBy` becomes `username`, which the API server authenticated.
 * Who names somebody else is refused, and so is whose name the document cannot hold: an approval that does not say who
 * asked could be answered by who asked. `object` is whatever the AdmissionReview holds.
 */
export function stampApproval(object: unknown, username: string): Stamped {
  if (username === "") return { refused: "The API server does not say who asks for this." };
  if (username.length > LONGEST_NAME || UNPRINTABLE.test(username)) {
    const why = `it is longer than ${LONGEST_NAME} characters, or holds one that is not printable`;
    return { refused: `The name of who asks cannot stand in spec.requestedBy: ${why}.` };
  }
  const spec = member(object, "spec");
  if (!isRecord(spec)) return { refused: "An EgressApproval has a spec that says what is asked for." };
  const given = member(spec, "requestedBy");
  if (given === username) return { patch: [] };
  // The API server takes null for nothing at all.
  if (given === undefined || given === null) {
    return { patch: [{ op: "add", path: "/spec/requestedBy", value: username }] };
  }
  const named = typeof given === "string" ? quoted(given) : "no name at all";
  return { refused: `spec.requestedBy is ${named}, and ${quoted(username)} asks: leave it out, and it is filled in.` };
}

/** Own members only: an inherited one is nobody's word. */
function member(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
