import type { EpochMillis } from "../base/quantity.ts";
import type { Reason } from "../base/reason.ts";
import { decide } from "../policy/decide.ts";
import type { EgressRequest } from "../policy/egress-request.ts";
import type { CompiledPolicy } from "../policy/snapshot.ts";
import type { Surroundings } from "../policy/surroundings.ts";
import type { PathShape } from "./path-shape.ts";
import type { SeenEntry } from "./seen.ts";
import { showsRequests } from "./seen-kind.ts";
import type { GivenPolicy, Ruled } from "./suggestion.ts";

/** What stands for `*`: no pattern names it but by a star. */
const ANY = "0any0segment0";

/** What a policy says of entries, as if it were enforced. An entry of many paths is allowed by one rule for all, or not. */
export function givenPolicy(policy: CompiledPolicy, now: EpochMillis, surroundings: Surroundings): GivenPolicy {
  const allows = new Set(policy.allow.map(({ id }) => id));
  /** `near`: the rule that came nearest. Which fields a request had is not known of an entry. */
  const refusedFor = (entry: SeenEntry, reason: Reason, near: string | undefined): Ruled => {
    // Refusals of the allowlist's own are what a suggestion is there to change.
    if (ALLOWLIST.has(reason)) return NONE;
    const asksForFields = reason === "denied_by_rule" && (near === undefined || allows.has(near));
    if (asksForFields && entry.rule !== undefined && allows.has(entry.rule))
      return { effect: "allow", rule: entry.rule };
    return { effect: "deny", reason };
  };
  const ruledBy = (entry: SeenEntry, request: EgressRequest): Ruled => {
    const decision = decide(policy, request, now, surroundings);
    if (decision.effect === "deny") return refusedFor(entry, decision.reason, decision.rule);
    const { rule, unlisted } = decision.permit;
    if (unlisted !== undefined) return refusedFor(entry, unlisted, undefined);
    return rule === undefined ? NONE : { effect: "allow", rule };
  };
  return {
    ids: new Set([...allows, ...policy.deny.map(({ id }) => id)]),
    ruled(entry) {
      const words = requestsOf(entry).map((request) => ruledBy(entry, request));
      const worst = (effect: Ruled["effect"]): Ruled | undefined => words.find((word) => word.effect === effect);
      return worst("deny") ?? worst("none") ?? words[0] ?? NONE;
    },
  };
}

const NONE: Ruled = { effect: "none" };

const ALLOWLIST: ReadonlySet<string> = new Set([
  "host_not_allowed",
  "port_not_allowed",
  "method_not_allowed",
  "path_not_allowed",
  "not_tls",
]);

/** Requests that stand for all of an entry. */
export function requestsOf({ host, port, kind, method, shape }: SeenEntry): readonly EgressRequest[] {
  if (!showsRequests(kind)) return [{ via: "tunnel", host, port }];
  if (method === undefined || shape === undefined) return [];
  const secure = kind === "https-inspected";
  return pathsOf(shape).map((path) => ({ via: "http", secure, host, port, method, path }));
}

function pathsOf(shape: PathShape): readonly string[] {
  const filled = shape.map((segment) => (segment === "**" ? segment : segment.replaceAll("*", ANY)));
  if (filled.at(-1) !== "**") return [`/${filled.join("/")}`];
  const before = filled.slice(0, -1);
  return [`/${before.join("/")}`, `/${[...before, ANY].join("/")}`, `/${[...before, ANY, ANY].join("/")}`];
}
