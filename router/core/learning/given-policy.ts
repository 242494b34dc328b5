import type { EpochMillis } from "../base/quantity.ts";
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
  return {
    ids: new Set([...policy.allow, ...policy.deny].map(({ id }) => id)),
    ruled(entry) {
      const words = requestsOf(entry).map((request): Ruled => {
        const decision = decide(policy, request, now, surroundings);
        if (decision.effect === "deny") {
          const { reason } = decision;
          // Refusals of the allowlist's own are what a suggestion is there to change.
          return ALLOWLIST.has(reason) ? { effect: "none" } : { effect: "deny", reason };
        }
        const { rule, unlisted } = decision.permit;
        return rule === undefined || unlisted !== undefined ? { effect: "none" } : { effect: "allow", rule };
      });
      return words.find(({ effect }) => effect === "deny") ?? words.find(({ effect }) => effect === "none") ?? words[0] ?? NONE;
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
  const filled = shape.map((segment) => (segment === "*" ? ANY : segment));
  if (filled.at(-1) !== "**") return [`/${filled.join("/")}`];
  const before = filled.slice(0, -1);
  return [`/${before.join("/")}`, `/${[...before, ANY].join("/")}`, `/${[...before, ANY, ANY].join("/")}`];
}
