import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EgressApproval } from "../../../../router/core/approval/approval.ts";
import { parseEgressApproval } from "../../../../router/core/approval/parse-egress-approval.ts";
import { epochMillis, millis } from "../../../../router/core/base/quantity.ts";
import type { Action } from "../../../../router/core/governance/action.ts";
import { readAction } from "../../../../router/core/governance/read-action.ts";
import type { Json } from "../../../../router/core/json/json.ts";
import { GrantBook, type GrantNews } from "../../../../router/app/governance/grant-book.ts";
import { sha256 } from "../../../../router/app/governance/sha256.ts";
import { PolicyTime } from "../../../../router/app/policy-time.ts";
import { UseJournal } from "../../../../router/edge/state/use-journal.ts";

export const NOON = Date.UTC(2026, 10, 20, 12);
export const MINUTE = 60_000;
export const HOUR = 3_600_000;

export const CALL: Json = { kind: "tool", server: "github", tool: "create_issue", arguments: { title: "x", n: 1 } };

export function actionOf(value: Json): Action {
  const action = readAction(value);
  if (!action.ok) throw new Error(action.problem);
  return action.value;
}

export interface ApprovalText {
  readonly name?: string;
  readonly action?: Json;
  readonly bounds?: string;
  readonly revoked?: boolean;
  readonly status?: "True" | "False" | "none";
  /** When it was answered. */
  readonly at?: number;
  readonly target?: string;
}

export function approvalText(given: ApprovalText = {}): string {
  const { name = "one", action = CALL, bounds = "uses: 1", revoked, status = "True", at = NOON, target } = given;
  return [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: EgressApproval",
    `metadata: { name: ${name} }`,
    "spec:",
    `  action: ${JSON.stringify(action)}`,
    "  reason: Because.",
    ...bounds.split(", ").map((line) => `  ${line}`),
    ...(revoked === undefined ? [] : [`  revoked: ${revoked}`]),
    ...(target === undefined ? [] : [`  target: ${target}`]),
    ...(status === "none"
      ? []
      : [
          "status:",
          `  conditions: [{ type: Approved, status: "${status}", lastTransitionTime: "${new Date(at).toISOString()}" }]`,
        ]),
    "",
  ].join("\n");
}

export function approval(given: ApprovalText = {}): EgressApproval {
  const parsed = parseEgressApproval("f", approvalText(given));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problem));
  return parsed.value;
}

/** A book over a directory of its own, with clocks that a test sets. */
export class BookWorld {
  wall = NOON + 1_000;
  steady = 5_000;
  longest = HOUR;
  news: string[] = [];
  ended = 0;
  failures = 0;
  book: GrantBook;
  journal: UseJournal;
  readonly directory = mkdtempSync(join(tmpdir(), "sluice-grants-"));
  readonly listeners: ((news: GrantNews) => void)[] = [];

  constructor() {
    [this.book, this.journal] = this.restart();
  }

  /** A new process: another steady clock, and what is on the disk. */
  restart(): [GrantBook, UseJournal] {
    this.steady += 1_000_000;
    this.news = [];
    const clock = { now: () => epochMillis(this.wall), monotonic: () => millis(this.steady) };
    const time = new PolicyTime(clock);
    this.journal = new UseJournal(this.directory, () => (this.failures += 1));
    const loaded = this.journal.load();
    if (loaded.ok) time.atLeast(epochMillis(loaded.value));
    this.book = new GrantBook({
      clock,
      time: () => time.now(),
      longest: () => millis(this.longest),
      journal: this.journal,
      sha256,
      told: (news) => {
        this.news.push(`${news.kind} ${news.approval.name}`);
        for (const listener of this.listeners) listener(news);
      },
      ended: () => (this.ended += 1),
    });
    return [this.book, this.journal];
  }

  pass(milliseconds: number): void {
    this.wall += milliseconds;
    this.steady += milliseconds;
  }

  find(value: Json = CALL): string | undefined {
    const found = this.book.find(actionOf(value));
    return typeof found === "object" ? found.id : found;
  }

  /** Finds and uses, as the judge does. */
  act(value: Json = CALL): boolean {
    const found = this.book.find(actionOf(value));
    return typeof found === "object" && this.book.use(found.id);
  }

  [Symbol.dispose](): void {
    this.journal.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
