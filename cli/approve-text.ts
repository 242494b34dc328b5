import { hash } from "node:crypto";
import { actionSummary } from "../router/core/approval/action-summary.ts";
import { spanText } from "./amount-text.ts";
import type { HeldApproval } from "./approve-object.ts";
import { shownText } from "./shown-text.ts";

const LONGEST = 2_000;
/** A whole action, where its summary is cut: nothing is approved that was not shown. */
const LONGEST_ACTION = 1_500_000;
const LABEL = 11;

/** Everything that an answer is about, one fact a line. */
export function approvalText(held: HeldApproval, namespace: string, now: number): string {
  const { approval } = held;
  const { action, argumentsDigest, requestedBy, reason, uses, duration, target } = approval;
  const summary = actionSummary(action, { redact: [], sha256: hexDigest });
  const whole = summary.includes("[CUT: ") ? [row("in full", shownText(held.spec, LONGEST_ACTION))] : [];
  const digest =
    argumentsDigest === undefined ? [] : [row("arguments", `not written out, bound by ${argumentsDigest}`)];
  const asked = now - Date.parse(held.createdAt);
  const often = uses === undefined ? "any number of uses" : `${uses} ${uses === 1 ? "use" : "uses"}`;
  const long =
    duration === undefined
      ? "for as long as the policy lets any grant last"
      : `within ${spanText(duration) ?? "?"} of the approval, or less by policy`;
  const lines = [
    `EgressApproval ${namespace}/${approval.name}`,
    row("action", shownText(summary, LONGEST)),
    ...whole,
    ...digest,
    row("for", targetText(target)),
    ...(target.namespace !== undefined && target.namespace !== namespace
      ? [row("", `ATTENTION: it lies in ${namespace}, where no router takes it for its own`)]
      : []),
    row("bounds", `${often}, ${long}`),
    row("asked by", `${nameText(requestedBy)}${asked >= 0 ? `, ${spanText(asked) ?? "?"} ago` : ""}`),
    row("", `in the words of who asked: "${shownText(reason.replaceAll('"', String.raw`\u0022`), LONGEST)}"`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** A user's name on a terminal. */
export function nameText(name: string | undefined): string {
  return name === undefined ? "nobody that is named" : shownText(name, 300);
}

function targetText({ namespace, agent, pod }: HeldApproval["approval"]["target"]): string {
  const parts = [
    agent === undefined ? "EVERY agent" : `agent ${nameText(agent)}`,
    pod === undefined ? "any of its pods" : `pod ${nameText(pod)}`,
    ...(namespace === undefined ? [] : [`namespace ${nameText(namespace)}`]),
  ];
  return parts.join(", ");
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(LABEL)}${text}`;
}

function hexDigest(text: string): string {
  return hash("sha256", text, "hex");
}
