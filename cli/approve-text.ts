import { spanText } from "./amount-text.ts";
import { shownAction } from "./approve-action.ts";
import type { HeldApproval } from "./approve-object.ts";
import { mixedWords } from "./mixed-words.ts";
import { shownText } from "./shown-text.ts";

/** More than any text but the action's own is, every character of it escaped. */
const LONGEST = 4_000;
const LABEL = 11;
const MOST_WORDS = 8;
const LONGEST_WORD = 200;

export interface ApprovalText {
  readonly text: string;
  /** Nothing that an approval binds to is missing in it. */
  readonly isWhole: boolean;
}

/** Everything that an answer is about, one fact a line. */
export function approvalText(held: HeldApproval, namespace: string, now: number): ApprovalText {
  const { approval } = held;
  const { argumentsDigest, requestedBy, reason, uses, duration, target } = approval;
  const { rows, isWhole } = shownAction(held);
  const digest =
    argumentsDigest === undefined ? [] : [row("arguments", `not written out, bound by ${argumentsDigest}`)];
  const asked = now - Date.parse(held.createdAt);
  const long =
    duration === undefined
      ? "for as long as the policy lets any grant last"
      : `within ${spanText(duration) ?? "?"} of the approval, or less by policy`;
  const lines = [
    `EgressApproval ${namespace}/${approval.name}`,
    ...rows.map(([label, text]) => row(label, text)),
    ...mixedRows(held),
    ...digest,
    row("for", targetText(target)),
    ...(target.namespace !== undefined && target.namespace !== namespace
      ? [row("", `ATTENTION: it lies in ${namespace}, where no router takes it for its own`)]
      : []),
    row("bounds", `${oftenText(uses, target.pod)}, ${long}`),
    row("asked by", `${nameText(requestedBy)}${asked >= 0 ? `, ${spanText(asked) ?? "?"} ago` : ""}`),
    row("", `in the words of who asked: "${shownText(reason.replaceAll('"', String.raw`\u0022`), LONGEST)}"`),
  ];
  return { text: lines.map((line) => `${line}\n`).join(""), isWhole };
}

/** A user's name on a terminal. */
export function nameText(name: string | undefined): string {
  return name === undefined ? "nobody that is named" : shownText(name, LONGEST);
}

/** Each pod counts for itself, and begins anew when it is made anew under its name. */
function oftenText(uses: number | undefined, pod: string | undefined): string {
  if (uses === undefined) return "any number of uses";
  const each = pod === undefined ? "in each pod, " : "";
  return `${uses} ${uses === 1 ? "use" : "uses"} ${each}in each life of the pod`;
}

function mixedRows({ action, approval: { target, requestedBy } }: HeldApproval): readonly string[] {
  const words = mixedWords(textsOf([action, target, requestedBy]));
  if (words.length === 0) return [];
  const shown = words.slice(0, MOST_WORDS).map((word) => shownText(plainText(word), LONGEST_WORD));
  const more = words.length > MOST_WORDS ? `, and ${words.length - MOST_WORDS} more` : "";
  return [row("", `ATTENTION: letters of several alphabets in one word, which look alike: ${shown.join(", ")}${more}`)];
}

/** Names and values; the depth is bounded by the reader of approvals. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return Object.entries(value).flatMap(([name, inner]) => [name, ...textsOf(inner)]);
}

/** With all that is not ASCII as escapes. */
function plainText(word: string): string {
  return word.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
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
