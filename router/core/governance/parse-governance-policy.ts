import type { DocumentProblem } from "../base/problem.ts";
import type { EpochMillis } from "../base/quantity.ts";
import type { Result } from "../base/result.ts";
import { listUpTo } from "../document/bounded-list.ts";
import { choice } from "../document/choice-shape.ts";
import { type DocumentKind, envelope, readDocument } from "../document/document-kind.ts";
import { entryOf } from "../document/document-node.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { integer } from "../document/integer-shape.ts";
import { metadata } from "../document/metadata-shape.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { readYaml } from "../document/read-yaml.ts";
import { refined } from "../document/refined-shape.ts";
import { timestamp } from "../document/timestamp-shape.ts";
import { uniqueIds } from "../document/unique-ids.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { expiresLater, validity } from "../policy/validity.ts";
import { actionSet } from "./actions-shape.ts";
import { durationUpTo } from "./bounded-duration.ts";
import { keysOfLimits, knownNames } from "./cross-references.ts";
import { detector } from "./detector-shape.ts";
import type { GovernancePolicyDocument } from "./governance-policy.ts";
import { limitFields, SOME_LIMIT } from "./limit-shape.ts";
import { mcpServer } from "./mcp-server-shape.ts";
import { readablePatterns } from "./readable-patterns.ts";
import { rule } from "./rule-shape.ts";
import { trust } from "./trust-shape.ts";

const OBSERVE_DAYS = 14;
const DAY = 86_400_000;

interface Observed {
  readonly mode: "enforce" | "observe";
  readonly issuedAt: EpochMillis;
  readonly expiresAt: EpochMillis;
  readonly observeUntil: EpochMillis | undefined;
}

/** Observing allows what nobody allowed: it says when it is over, and that is soon. */
const observesUntil: Condition<Observed> = {
  schema: {
    anyOf: [
      { properties: { mode: { const: "observe" } }, required: ["mode", "observeUntil"] },
      { properties: { mode: { const: "enforce" } }, not: { required: ["observeUntil"] } },
    ],
  },
  check({ mode, issuedAt, expiresAt, observeUntil }, map, report) {
    const entry = entryOf(map, "observeUntil");
    if (mode === undefined) return;
    if (entry === undefined) {
      if (mode === "enforce" || map.damaged) return;
      const place = entryOf(map, "mode")?.value ?? map;
      report.add(place, "missing_observe_until", '"mode: observe" needs "observeUntil": it must be over some day.');
      return;
    }
    const refuse = (code: string, message: string): void => report.add(entry.value, code, message);
    if (mode === "enforce") {
      report.add({ ...entry.value, at: entry.keyAt }, "not_observing", '"observeUntil" belongs to "mode: observe".');
    }
    if (observeUntil === undefined || issuedAt === undefined) return;
    if (observeUntil <= issuedAt) refuse("observe_too_short", "observeUntil must be later than issuedAt.");
    else if (observeUntil - issuedAt > OBSERVE_DAYS * DAY) {
      refuse("observe_too_long", `observeUntil is at most ${OBSERVE_DAYS} days after issuedAt.`);
    } else if (expiresAt !== undefined && observeUntil > expiresAt) {
      refuse("observe_too_long", "observeUntil must not be later than expiresAt.");
    }
  },
};

/** What is signed today must not end what begins tomorrow. */
const liftsThePast: Condition<{ issuedAt: EpochMillis; liftBefore: EpochMillis | undefined }> = {
  check({ issuedAt, liftBefore }, map, report) {
    if (issuedAt === undefined || liftBefore === undefined || liftBefore <= issuedAt) return;
    const place = entryOf(map, "liftBefore")?.value ?? map;
    const advice = "set issuedAt anew as well, or every quarantine until then would end at the next restart";
    report.add(place, "lifts_the_future", `liftBefore must not be later than issuedAt: ${advice}.`);
  },
};

const limit = object(
  {
    id: required(ruleId, "Unique among rules, limits and detectors; in refusals, audit and metrics."),
    actions: optional(actionSet, "Which kinds of action it is about; without it, every kind."),
    ...limitFields,
  },
  SOME_LIMIT,
);

const requests = object({
  pending: defaulted(
    integer({ minimum: 0, maximum: 1000 }),
    32,
    "That wait at the same time; 0: nothing can be asked for.",
  ),
  perMinute: defaulted(integer({ minimum: 1, maximum: 1000 }), 10, "New requests a minute."),
  ttl: defaulted(durationUpTo(24), "15m", "When a request that nobody answered is over, at most 24h."),
  grant: defaulted(durationUpTo(168), "1h", "How long a grant lasts at most, at most 168h."),
});

const mayBeEmpty = { mayBeEmpty: true };

const spec = object(
  {
    ...validity,
    mode: defaulted(
      choice("enforce", "observe"),
      "enforce",
      "observe records what rules or their absence would refuse, and allows it.",
    ),
    observeUntil: optional(
      timestamp,
      "When observing is over and the policy enforces, at most 14 days after issuedAt.",
    ),
    delegate: defaulted(
      refined(
        listUpTo(2, choice("egress", "inference"), { unique: true, ...mayBeEmpty }),
        (kinds): ReadonlySet<"egress" | "inference"> => new Set(kinds),
      ),
      [],
      "Kinds of action that their own policies alone decide on where no rule matches.",
    ),
    rules: required(
      listUpTo(20_000, rule, mayBeEmpty),
      "deny wins over require_approval, that over rate_limit, that over allow; what no rule names is denied.",
    ),
    limits: defaulted(
      listUpTo(256, limit, mayBeEmpty),
      [],
      "Limits over all rules; every one that applies must have room.",
    ),
    deniedTools: defaulted(
      choice("remove", "refuse"),
      "remove",
      "What becomes of a tool that a request to a model declares and no call of which could be allowed.",
    ),
    mcp: defaulted(listUpTo(32, mcpServer, mayBeEmpty), [], "MCP servers that the router speaks to for the agent."),
    behavior: defaulted(listUpTo(64, detector, mayBeEmpty), [], "What is watched for, and what follows."),
    liftBefore: optional(timestamp, "Quarantines that began before this are lifted; not later than issuedAt."),
    trust: defaulted(trust, {}, "Other agents: who they are, and who may speak to whom."),
    requests: defaulted(requests, {}, "What an agent may ask for at run time."),
  },
  expiresLater,
  observesUntil,
  liftsThePast,
  uniqueIds(["rules", "limits", "behavior"], "id"),
  uniqueIds(["mcp"], "id"),
  keysOfLimits,
  knownNames,
  readablePatterns,
);

export const governancePolicy: DocumentKind<GovernancePolicyDocument> = {
  kind: "GovernancePolicy",
  description: "What an agent may do: rules, limits, servers of tools, peers, and what is watched for.",
  shape: refined(
    object({
      ...envelope("GovernancePolicy"),
      metadata: required(metadata, "The document's name."),
      spec: required(spec, "The rules, and when and for whom they hold."),
    }),
    (document) => ({ name: document.metadata.name, ...document.spec }),
  ),
};

/**
 * Reads a `GovernancePolicy` from its text, at most 4 MiB. `file` is only repeated in problems, which come all at
 * once, ordered by position.
 */
export function parseGovernancePolicy(
  file: string,
  source: string,
): Result<GovernancePolicyDocument, readonly DocumentProblem[]> {
  return readDocument(governancePolicy, readYaml(file, source));
}
