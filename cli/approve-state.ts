import type { HeldApproval } from "./approve-object.ts";
import type { ApprovalVerb } from "./approve-options.ts";
import type { ApproveProblem } from "./approve-problem.ts";
import { EXIT } from "./cli-io.ts";

/** What stands in the way of a verb, or makes it needless. */
export type Standing =
  | { readonly kind: "open" }
  | { readonly kind: "done"; readonly message: string }
  | { readonly kind: "refused"; readonly problem: ApproveProblem };

/** `now`: by the API server's clock. The API server has the last word; this only says sooner why not. */
export function standingOf(verb: ApprovalVerb, held: HeldApproval, user: string, now: number): Standing {
  const { approval, answeredBy, hasExpired, isEnding } = held;
  const { revoked, answer, requestedBy, duration, name } = approval;
  const by = answeredBy ?? "somebody";
  if (verb === "revoke") return revoked ? done(`${name} was revoked before.`) : { kind: "open" };
  if (revoked) return refused(`${name} was revoked, and nothing answers it any more. Whoever needs it asks anew.`);
  if (isEnding) {
    return refused(
      `${name} is deleted, and only held by a finalizer: nothing answers it any more. To be sure of its end: sluice revoke ${name}`,
    );
  }
  if (answer !== undefined) {
    const at = new Date(answer.at).toISOString();
    const ended = duration !== undefined && answer.at + duration <= now;
    const said = answer.approved ? "approved" : "denied";
    if (answer.approved && (hasExpired || ended)) {
      return refused(`${name} was approved by ${by} at ${at}, and is over. Whoever needs it still asks anew.`);
    }
    if (answer.approved === (verb === "approve")) return done(`${name} was ${said} before, by ${by} at ${at}.`);
    const instead = answer.approved ? `To take it back: sluice revoke ${name}` : "Whoever needs it still asks anew.";
    return refused(`${name} was ${said} by ${by} at ${at}, and an answer stands. ${instead}`);
  }
  if (hasExpired) return refused(`${name} has expired: nobody answered in time. Whoever needs it still asks anew.`);
  if (requestedBy === undefined) {
    return refused(`${name} does not say who asked for it (spec.requestedBy), so nobody can answer it.`);
  }
  if (requestedBy === user) {
    return refused(
      `You (${user}) asked for ${name} yourself: somebody else with the ClusterRole sluice-approver answers it.`,
    );
  }
  return { kind: "open" };
}

function done(message: string): Standing {
  return { kind: "done", message };
}

function refused(message: string): Standing {
  return { kind: "refused", problem: { exit: EXIT.no, message } };
}
