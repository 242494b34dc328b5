import type { ActionKind } from "../router/core/governance/action-kind.ts";
import type { PolicySet } from "./policy-set.ts";
import type { Question } from "./recorded-question.ts";

/**
 * Whether both sets say the same to a question for the plain reason that what they say of such questions is the same text:
 * so that a fact which no record holds is no matter where nobody changed the rules that ask for it.
 */
export function sameRules(one: PolicySet, other: PolicySet, question: Question, at: number): boolean {
  switch (question.about) {
    case "egress": {
      const { host } = question.request;
      const ofHost = ({ egress }: PolicySet): string =>
        textOf([
          egress?.policy.mode,
          egress !== undefined && at < egress.policy.deniesFrom,
          egress?.policy.allowFor(host),
          egress?.policy.denyFor(host),
        ]);
      return (
        ofHost(one) === ofHost(other) &&
        digestOf(one) === digestOf(other) &&
        governed(one, "egress", at) === governed(other, "egress", at) &&
        peers(one) === peers(other)
      );
    }
    case "inference":
      return digestOf(one) === digestOf(other) && governed(one, "inference", at) === governed(other, "inference", at);
    case "action":
      return (
        governed(one, question.action.kind, at) === governed(other, question.action.kind, at) &&
        peers(one) === peers(other)
      );
    default:
      return question satisfies never;
  }
}

/** Which hosts are a provider's, and what models there are. */
function digestOf({ inference }: PolicySet): string | undefined {
  return inference?.policy.identity.digest;
}

function governed({ governance }: PolicySet, kind: ActionKind, at: number): string {
  if (governance === undefined) return "";
  const { policy } = governance;
  const observes = policy.observesUntil !== undefined && at < policy.observesUntil;
  const rules = policy.rulesOf(kind).map(({ effect, when, unless }) => ({ effect, when, unless }));
  return textOf([at < policy.deniesFrom, observes, policy.delegates(kind), rules]);
}

function peers({ governance }: PolicySet): string {
  const { peers: known = [], graph = [] } = governance?.policy.trust ?? {};
  return textOf([known.map(({ id, endpoints }) => ({ id, endpoints })), graph]);
}

/** Where a rule stands in its file is no part of what it says. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (key === "line" || key === "order") return undefined;
    return item instanceof Set ? [...item] : item;
  });
}
