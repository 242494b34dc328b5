import { styleText } from "node:util";
import { formatProblem } from "../router/core/base/problem.ts";
import { quantityText, spanText } from "./amount-text.ts";
import { budgetTable } from "./budget-table.ts";
import { shownText, shownWord } from "./shown-text.ts";
import {
  type GovernanceState,
  isReady,
  type PolicyState,
  type SidecarStatus,
  type StatusCondition,
} from "./status-report.ts";

export interface StatusLook {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly colors: boolean;
}

type Color = "bold" | "red" | "yellow" | "green";

const LONGEST_NAME = 100;
const LONGEST_REASON = 500;
/** An action with all that is bound; of Sluice's own it is shorter. */
const LONGEST_SUMMARY = 1_500;
const MOST_PROBLEMS = 5;
/** Approvals, and requests for access. */
const MOST_LISTED = 10;
const LABEL = 11;
/** What somebody has to look at comes first. */
const ORDER = ["failed", "degraded", "ok"] as const;
const COLORS = { failed: "red", degraded: "yellow", ok: "green" } as const;

/** The whole status for people, some twenty lines. */
export function statusText(status: SidecarStatus, { now, colors }: StatusLook): string {
  const paint = (color: Color, text: string): string =>
    colors ? styleText(color, text, { validateStream: false }) : text;
  const { version, identity, inference, tunnels, connections } = status;
  const ready = isReady(status);
  const who = `${shownWord(identity.namespace, LONGEST_NAME)}/${shownWord(identity.pod, LONGEST_NAME)}`;
  const title = ready ? paint("green", "READY") : paint("red", "NOT READY");
  const budgets = budgetTable(inference.budgets.budgets, now).map(({ text, mark }, index) => {
    if (index === 0) return paint("bold", text);
    return mark === undefined ? text : paint(mark === "used_up" ? "red" : "yellow", text);
  });
  const lines = [
    `${title}  sluice ${shownWord(version, LONGEST_NAME)}, pod ${who}, agent ${shownWord(identity.agent, LONGEST_NAME)}`,
    "",
    ...conditionLines(status.conditions, paint),
    "",
    ...policyLines("egress", status.policy, now),
    ...policyLines("inference", inference.policy, now),
    ...(status.governance?.policy === undefined ? [] : policyLines("governance", status.governance.policy, now)),
    ...(budgets.length === 0 ? [] : ["", ...budgets.map((line) => `  ${line}`)]),
    "",
    row(
      "open",
      `${counted(tunnels, "tunnel")}, ${counted(connections, "connection")}, ${counted(inference.calls, "call")} (bodies: ${quantityText(inference.bodies) ?? "?"})`,
    ),
    ...approvalLines(status.governance, now),
    ...auditLines(status.audit, now),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function conditionLines(
  conditions: readonly StatusCondition[],
  paint: (color: Color, text: string) => string,
): readonly string[] {
  const names = conditions.map(({ name }) => shownWord(name, LONGEST_NAME));
  const width = Math.max(...names.map((name) => name.length));
  return ORDER.flatMap((wanted) =>
    conditions.flatMap(({ state, reason }, at) => {
      if (state !== wanted) return [];
      const name = (names[at] ?? "").padEnd(width);
      return [`  ${paint(COLORS[state], state.padEnd(8))}  ${name}  ${shownText(reason, LONGEST_REASON)}`.trimEnd()];
    }),
  );
}

function policyLines(kind: string, policy: PolicyState, now: number): readonly string[] {
  const { name = "", version = 0, digest = "", mode, issuedAt, expiresAt, loadedAt, signers } = policy;
  const problems = policy.condition.problems ?? [];
  const told = problems.slice(0, MOST_PROBLEMS).map((problem) => shownText(formatProblem(problem), LONGEST_REASON));
  const more = problems.length > MOST_PROBLEMS ? [`and ${problems.length - MOST_PROBLEMS} more`] : [];
  const rest = [...told, ...more].map((line) => row("", line));
  if (policy.state === "missing") return [row(kind, "none in force"), ...rest];
  const what = [
    `${shownWord(name, LONGEST_NAME)} v${version}`,
    ...(mode === undefined ? [] : [shownWord(mode, LONGEST_NAME)]),
    ...(signers === undefined ? [] : [signedBy(signers)]),
    ...(policy.state === "degraded" ? ["a newer one is refused"] : []),
  ];
  return [
    row(kind, what.join(", ")),
    row("", `issued ${ago(issuedAt, now)}, loaded ${ago(loadedAt, now)}, ${expiry(expiresAt, now)}`),
    row("", shownWord(digest, LONGEST_NAME)),
    ...rest,
  ];
}

function signedBy(signers: readonly string[]): string {
  if (signers.length === 0) return "unsigned";
  return shownText(`signed by ${signers.join(" and ")}`, LONGEST_REASON);
}

function auditLines(audit: SidecarStatus["audit"], now: number): readonly string[] {
  const { writable, records, bytes, origin, checkpoint, witnesses } = audit;
  const { size, at } = checkpoint;
  const head = size === undefined ? "no signed head yet" : `signed head over ${size}, ${ago(at, now)}`;
  const written = writable ? "" : ", NOT WRITABLE";
  return [
    row("audit", `${counted(records, "record")}, ${quantityText(bytes) ?? "?"} octets${written}; ${head}`),
    row("", shownText(origin, LONGEST_REASON)),
    ...witnesses.map(({ witness, cosignedSize }) =>
      row("", `cosigned over ${cosignedSize} by ${shownText(witness, LONGEST_REASON)}`),
    ),
  ];
}

function approvalLines({ requests, approvals = [] }: GovernanceState = {}, now: number): readonly string[] {
  const { pending = 0, newest = [] } = requests ?? {};
  const shown = newest.slice(-MOST_LISTED);
  const inForce = approvals.slice(0, MOST_LISTED).map(({ id, summary, uses, left, expiresAt }, at) => {
    const often = uses === null ? "" : `, ${left ?? 0} of ${counted(uses, "use")} left`;
    return row(
      at === 0 ? "approved" : "",
      `${shownText(`${id}: ${summary}`, LONGEST_SUMMARY)}${often}, ${expiry(expiresAt, now)}`,
    );
  });
  const asked = shown.flatMap(({ summary, reason, requestedAt, count, expiresAt, manifest }) => {
    const often = count === 1 ? "" : `, ${counted(count, "time")}`;
    const times = `asked ${ago(requestedAt, now)}${often}, ${expiry(expiresAt, now)}`;
    return [
      row("", `${shownText(summary, LONGEST_SUMMARY)}: ${times}`),
      ...(manifest === null ? [row("", "TOO LONG to be shown whole, so that there is nothing to apply")] : []),
      row("", `in the agent's own words: "${ownWords(reason)}"`),
    ];
  });
  const unlisted = approvals.length - inForce.length;
  return [
    ...inForce,
    ...(unlisted > 0 ? [row("", `and ${unlisted} more`)] : []),
    ...(pending === 0 ? [] : [row("asked for", `${counted(pending, "request")}; --json has what to apply`)]),
    ...asked,
    ...(pending > shown.length ? [row("", `and ${pending - shown.length} older`)] : []),
  ];
}

/** No quotation mark of the agent's ends what is shown as its words. */
function ownWords(reason: string): string {
  return shownText(reason.replaceAll('"', String.raw`\u0022`), LONGEST_REASON);
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(LABEL)}${text}`;
}

function ago(time: string | undefined, now: number): string {
  const passed = now - Date.parse(time ?? "");
  return passed < 0 ? `in ${spanText(-passed) ?? "?"}` : `${spanText(passed) ?? "?"} ago`;
}

function expiry(time: string | undefined, now: number): string {
  const left = Date.parse(time ?? "") - now;
  return left > 0 ? `expires in ${spanText(left) ?? "?"}` : `EXPIRED ${ago(time, now)}`;
}

function counted(number: number, what: string): string {
  return `${number.toLocaleString("en-US")} ${what}${number === 1 ? "" : "s"}`;
}
