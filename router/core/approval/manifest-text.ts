import { safeText } from "../wire/safe-text.ts";
import { argumentsDigest } from "./action-form.ts";
import { approvalManifest } from "./approval-manifest.ts";
import { type ShownArguments, shownArguments } from "./action-summary.ts";
import type { AccessRequest } from "./approval.ts";
import type { Identity } from "./approved-digest.ts";
import { yamlLine, yamlText } from "./yaml-text.ts";

const MOST_COMMENT = 1_024;
const WORDS = "# The reason is the agent's own words: nobody has checked it. What counts is the action.\n";

/**
 * What an operator reads and applies: the request's `EgressApproval` in YAML, a tool's arguments in full where they fit
 * and hold nothing that is redacted; otherwise their digest, and a comment that says so. Undefined: longer than `maximum`
 * UTF-16 units all the same.
 */
export function manifestText(
  request: Pick<AccessRequest, "digest" | "action" | "reason" | "redact">,
  identity: Identity,
  sha256: ShownArguments["sha256"],
  maximum: number,
): string | undefined {
  const text = (shown: "digest" | "full"): string =>
    yamlText(approvalManifest(request, identity, { sha256, arguments: shown }));
  const hidden = redactedLine(request, sha256);
  const full = `${WORDS}${text("full")}`;
  if (hidden === undefined && full.length <= maximum) return full;
  if (request.action.kind !== "tool") return undefined;
  const loud = [
    "# ATTENTION: not all of the arguments are shown here; the approval is bound to them by their digest alone.",
    `# ${hidden === undefined ? "They are too long. They begin" : "Some are hidden by the policy. What is shown"}: ${hidden ?? beginning(request)}`,
  ];
  const short = `${loud.join("\n")}\n${WORDS}${text("digest")}`;
  return short.length <= maximum ? short : undefined;
}

/** Undefined: nothing is hidden. */
function redactedLine(
  { action, redact }: Pick<AccessRequest, "action" | "redact">,
  sha256: ShownArguments["sha256"],
): string | undefined {
  if (action.kind !== "tool" || action.arguments.state !== "known") return undefined;
  const { value } = action.arguments;
  const shown = shownArguments(value, { redact, sha256 });
  if (argumentsDigest(shown, sha256) === argumentsDigest(value, sha256)) return undefined;
  return safeText(yamlLine(shown), MOST_COMMENT);
}

function beginning({ action }: Pick<AccessRequest, "action">): string {
  const isKnown = action.kind === "tool" && action.arguments.state === "known";
  return isKnown ? safeText(yamlLine(action.arguments.value), MOST_COMMENT) : "?";
}
