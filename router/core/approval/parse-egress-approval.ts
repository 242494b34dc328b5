import type { DocumentProblem } from "../base/problem.ts";
import type { Millis } from "../base/quantity.ts";
import type { Result } from "../base/result.ts";
import { boolean } from "../document/boolean-shape.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf } from "../document/conditions.ts";
import { type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { metadata } from "../document/metadata-shape.ts";
import { object } from "../document/object-shape.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import { timestamp } from "../document/timestamp-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import { durationUpTo } from "../governance/bounded-duration.ts";
import type { EgressApproval } from "./approval.ts";
import { approvedAction } from "./approved-action-shape.ts";

/** Of the reason for asking, in UTF-16 units. */
export const MOST_REASON = 512;
const SHORTEST = 5_000;

const span: Shape<Millis> = refined(durationUpTo(24), (value, node, report) => {
  if (value >= SHORTEST) return value;
  report.add(node, "out_of_range", "An approval lasts 5s at least.");
  return undefined;
});

const name = text({ maximum: 253 });

const target = object({
  namespace: optional(name, "Pods of this namespace only."),
  agent: optional(name, "This agent only."),
  pod: optional(name, "This pod only."),
});

const spec = object(
  {
    action: required(approvedAction, "The very action that may be done."),
    reason: required(text({ maximum: MOST_REASON }), "Why it was asked for."),
    requestedBy: optional(name, "Who asked for it."),
    target: defaulted(target, {}, "For whom; every other pod ignores it."),
    uses: optional(integer({ minimum: 1, maximum: 1000 }), "How often; without it, as often as wanted."),
    duration: optional(span, "How long from the approval on, 5s to 24h; the policy may allow less."),
    revoked: defaulted(boolean, false, "It is over, whatever else is said."),
  },
  atLeastOneOf(["uses", "duration"], "unbounded", 'An approval is bounded by "uses", "duration" or both.'),
);

const condition = object({
  type: required(text({ maximum: 316 }), "Only Approved counts."),
  status: required(choice("True", "False", "Unknown"), "What holds."),
  lastTransitionTime: required(timestamp, "Since when; an approval's time begins here."),
  observedGeneration: optional(integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), "Of the spec."),
  reason: optional(text(), "One word."),
  message: optional(text({ maximum: 4096 }), "For people."),
});

const status = object(
  {
    conditions: defaulted(listUpTo(16, condition, { mayBeEmpty: true }), [], "Each type once."),
  },
  uniqueIds(["conditions"], "type"),
);

export const egressApproval: DocumentKind<EgressApproval> = {
  kind: "EgressApproval",
  description: "What an operator allows one agent at run time, beyond the rules, once or for a while.",
  shape: refined(
    object({
      ...envelope("EgressApproval"),
      metadata: required(metadata, "The document's name."),
      spec: required(spec, "What is allowed, to whom, and how long; never changed but for revoked."),
      status: defaulted(status, {}, "Whether it was approved; without that it grants nothing."),
    }),
    (document): EgressApproval => {
      const { action, ...bounds } = document.spec;
      const approved = document.status.conditions.find(({ type }) => type === "Approved");
      const isAnswered = approved !== undefined && approved.status !== "Unknown";
      const answer = isAnswered ? { approved: approved.status === "True", at: approved.lastTransitionTime } : undefined;
      return { name: document.metadata.name, ...action, ...bounds, answer };
    },
  ),
};

/** Reads an `EgressApproval` from its text; problems come all at once, ordered by position. */
export function parseEgressApproval(file: string, source: string): Result<EgressApproval, readonly DocumentProblem[]> {
  return readDocument(egressApproval, readYaml(file, source));
}
