import { hash } from "node:crypto";
import type { AuditEvent, AuditKind, AuditValue } from "../../router/core/audit/audit-event.ts";
import { ownEvent } from "../../router/core/audit/own-event.ts";
import { type Actor, recordRenderer } from "../../router/core/audit/record.ts";
import { NO_LEAF, segmentDetail } from "../../router/core/audit/segment-header.ts";
import { type Port, epochMillis, millis } from "../../router/core/base/quantity.ts";
import { admittedEvent, endedEvent } from "../../router/core/outcome/audit-projection.ts";
import { admittedCallEvent, endedCallEvent } from "../../router/core/outcome/inference-projection.ts";
import type { ExchangeFacts, Outcome } from "../../router/core/outcome/outcome.ts";
import { type Host, parseHost } from "../../router/core/wire/host.ts";
import { callOutcome } from "./call-outcome.ts";
import { ip, permitFor } from "../unit/core/policy/policy-fixture.ts";

/** One record of a sample, with the name of what it shows. */
export interface SampleRecord {
  readonly name: string;
  readonly kind: string;
  /** Without the newline. */
  readonly line: string;
  /** In hex: SHA-256(0x00 || line). */
  readonly leaf: string;
}

export const SAMPLE_STREAM = "5f0c3a9e7b1d42868e2f90ab13cd57e6";
export const SAMPLE_ACTOR: Actor = { namespace: "research", pod: "agent-7f9c8d-abcde", agent: "researcher" };
export const SAMPLE_TRACE = { trace: "0af7651916cd43dd8448eb211c80319c", span: "b7ad6b7169203331" };

const BEGAN = epochMillis(Date.UTC(2026, 10, 20, 9, 0, 0, 250));
const POLICY = { name: "research-agent", version: 7, digest: `sha256:${"ab".repeat(32)}` };

/** What `edge/audit/redactor.ts` writes instead of a text. */
const HIDDEN = `hmac-sha256:${"0a".repeat(32)}`;

type Detail = { readonly [key: string]: AuditValue };

/** Every kind of record that is written, each way an exchange can go, and some that are yet to come; one chain. */
export function auditSample(): readonly SampleRecord[] {
  return sampleOf(events());
}

/** A chain of these events, rendered as the writer renders them. */
export function sampleOf(
  named: readonly (readonly [name: string, event: AuditEvent])[],
  actor: Actor = SAMPLE_ACTOR,
): readonly SampleRecord[] {
  const render = recordRenderer(actor, SAMPLE_STREAM);
  let prev = NO_LEAF;
  return named.map(([name, event], seq) => {
    const time = new Date(event.time).toISOString();
    const line = render(event, { seq, prev, time, uptime: millis(event.time - BEGAN) });
    prev = hash("sha256", Buffer.concat([Buffer.of(0), Buffer.from(line)]), "hex");
    return { name, kind: event.kind, line, leaf: prev };
  });
}

/** An event of the router itself, of a kind that need not exist yet. */
export function sampleEvent(kind: string, action: string, target: string, detail: Detail): AuditEvent {
  return ownEvent(BEGAN, kind as AuditKind, action, target, detail);
}

function events(): (readonly [name: string, event: AuditEvent])[] {
  const at = (seconds: number, event: AuditEvent): AuditEvent => ({
    ...event,
    time: epochMillis(BEGAN + seconds * 1_000),
  });
  const file = `audit-00000002-${SAMPLE_STREAM}.jsonl`;
  const previous = {
    file: `audit-00000001-${"c4".repeat(16)}.jsonl`,
    segment: 1,
    stream: "c4".repeat(16),
    seq: 4_711,
    leaf: "1e".repeat(32),
    bytes: 2_400_120,
    ended: "torn",
  } as const;
  const problems = ["unknown_key: spec.alow is not a key of EgressPolicy", "signature: 0 of 1 signers"];
  const permit = permitFor(
    { allow: [{ id: "github", hosts: ["api.github.com"], ports: [443] }] },
    "CONNECT api.github.com:443",
  );
  const traced = outcome({ kind: "completed" }, "http.POST", "api.github.com", { status: 201 });
  return [
    ["segment", sampleEvent("segment", "begin", file, segmentDetail({ segment: 2, previous, tree: [] }))],
    [
      "recovery at the start",
      sampleEvent("recovery", "resume", "", {
        file: previous.file,
        damage: "torn_tail",
        offset: 2_400_120,
        length: 17,
        leaf: "9d".repeat(32),
      }),
    ],
    [
      "start",
      sampleEvent("start", "start", "sluice", {
        version: "0.1.0",
        node: "v26.10.0",
        mode: "strict",
        origin: `sluice.dev/audit/research/agent-7f9c8d-abcde/${SAMPLE_STREAM}`,
        key: "sluice.dev/audit+1a2b3c4d+AQ==",
      }),
    ],
    ["guard", sampleEvent("guard", "verify", "net:[4026532201]", { uid: 20_480, families: ["ipv4", "ipv6"] })],
    [
      "policy loaded",
      {
        ...sampleEvent("policy.load", "policy.load", POLICY.name, {
          signers: ["security-team"],
          mode: "enforce",
          rules: 12,
          phase: "fresh",
        }),
        decision: "allow",
        policy: POLICY,
      },
    ],
    [
      "policy refused",
      {
        ...sampleEvent("policy.refused", "policy.load", "egress.yaml", { problems }),
        decision: "deny",
        policy: POLICY,
      },
    ],
    [
      "policy refused, none in force",
      { ...sampleEvent("policy.refused", "policy.load", "egress.yaml", { problems }), decision: "deny" },
    ],
    [
      "tunnel admitted",
      at(1, admittedEvent(start("connect", "api.github.com", 443), permit, [ip("140.82.121.6")], [ip("10.0.0.7")])),
    ],
    [
      "tunnel admitted, several addresses",
      at(
        1,
        admittedEvent(
          start("connect", "api.github.com", 443),
          permit,
          [ip("140.82.121.6"), ip("2606:50c0:8000::154")],
          [],
        ),
      ),
    ],
    [
      "tunnel admitted, inner requests judged",
      at(1, admittedEvent(start("connect", "api.github.com", 443), permit, [], [])),
    ],
    [
      "tunnel completed",
      at(
        4,
        ended({ kind: "completed" }, true, "api.github.com", {
          address: ip("140.82.121.6"),
          bytesOut: 1_234,
          bytesIn: 56_789,
        }),
      ),
    ],
    [
      "tunnel over IPv6 cut by us",
      at(
        5,
        ended({ kind: "aborted", reason: "byte_limit", detail: undefined }, true, "[2606:50c0:8000::154]", {
          address: ip("2606:50c0:8000::154"),
          bytesOut: 10_485_760,
        }),
      ),
    ],
    [
      "tunnel reset by a peer",
      at(
        6,
        ended({ kind: "aborted", reason: undefined, detail: "origin_reset" }, true, "203.0.113.9", {
          address: ip("203.0.113.9"),
        }),
      ),
    ],
    [
      "tunnel refused after admission",
      at(
        6,
        ended({ kind: "refused", reason: "sni_mismatch", detail: "evil.example" }, true, "api.github.com", {
          address: ip("140.82.121.6"),
        }),
      ),
    ],
    [
      "origin unreachable",
      at(7, ended({ kind: "refused", reason: "upstream_unreachable", detail: "ECONNREFUSED" }, true, "api.github.com")),
    ],
    [
      "host refused",
      at(7, ended({ kind: "refused", reason: "host_not_allowed", detail: undefined }, false, "exfil.example")),
    ],
    [
      "rule refused",
      at(7, {
        ...ended({ kind: "refused", reason: "denied_by_rule", detail: undefined }, false, "gist.github.com"),
        rule: "no-gists",
      }),
    ],
    [
      "unreadable request refused",
      at(
        7,
        endedEvent(
          {
            ...outcome({ kind: "refused", reason: "malformed_request", detail: "bad_target" }, "connect", "x", {}),
            start: { ...start("connect", "x", 443), host: undefined },
            policy: undefined,
            rule: undefined,
          },
          false,
          BEGAN,
        ),
      ),
    ],
    [
      "left before a decision",
      at(7, ended({ kind: "aborted", reason: undefined, detail: "agent_reset" }, false, "api.github.com")),
    ],
    [
      "request completed",
      at(
        8,
        endedEvent(
          outcome({ kind: "completed" }, "http.GET", "api.github.com", {
            address: ip("140.82.121.6"),
            status: 404,
            bytesIn: 512,
            bytesOut: 90,
          }),
          true,
          BEGAN,
        ),
      ),
    ],
    [
      "request with a method of its own",
      at(
        8,
        endedEvent(
          outcome(
            { kind: "refused", reason: "method_not_allowed", detail: undefined },
            "http.PROPFIND",
            "api.github.com",
            {},
          ),
          false,
          BEGAN,
        ),
      ),
    ],
    [
      "request with a trace",
      at(8, endedEvent({ ...traced, start: { ...traced.start, trace: SAMPLE_TRACE } }, true, BEGAN)),
    ],
    [
      "hidden fields",
      at(8, {
        ...ended({ kind: "completed" }, true, "api.github.com"),
        target: HIDDEN,
        detail: { address: HIDDEN, bytesIn: 1, bytesOut: 2, millis: 3, outcome: "completed" },
      }),
    ],
    [
      "gap",
      at(
        9,
        sampleEvent("gap", "record", "", { refused: 3, dropped: 12, unrecorded: 0, since: "2026-11-20T09:00:08.000Z" }),
      ),
    ],
    ["recovery", at(9, sampleEvent("recovery", "begin", "", { problem: "disk_full", milliseconds: 1_250 }))],
    ["clock", at(10, sampleEvent("clock", "step", "", { milliseconds: -3_600_000 }))],
    ["heartbeat", at(11, sampleEvent("heartbeat", "heartbeat", "", { records: 21 }))],
    [
      "a kind of a later version",
      at(12, {
        ...sampleEvent("inference", "chat", "openai/gpt", { model: "gpt", tokens: 1_200, ...SAMPLE_TRACE }),
        decision: "deny",
        reason: "budget_exhausted",
        rule: "daily",
        policy: POLICY,
        request: "r-9",
      }),
    ],
    ...callEvents().map(([name, event]): readonly [string, AuditEvent] => [name, at(13, event)]),
    ["stop", at(14, sampleEvent("stop", "stop", "", {}))],
  ];
}

/** Each way an inference call can go, and what budgets record of themselves. */
function callEvents(): (readonly [name: string, event: AuditEvent])[] {
  const completed = callOutcome({ kind: "completed" });
  const nobody = { provider: undefined, target: undefined, address: undefined, status: undefined };
  const nothing = { ...nobody, usage: undefined, charged: undefined, finishReasons: [], attempts: 0 };
  return [
    [
      "call admitted",
      admittedCallEvent({
        start: { ...completed.start, trace: SAMPLE_TRACE },
        policy: POLICY,
        model: "fast",
        provider: "azure-eu",
        target: "gpt-4o-mini",
        stream: true,
        reserved: 1_200,
      }),
    ],
    ["call completed", endedCallEvent(completed, true, BEGAN)],
    [
      "call that the provider refused",
      endedCallEvent(callOutcome({ kind: "completed" }, { ...nothing, ...PROVIDER, status: 429 }), true, BEGAN),
    ],
    [
      "call cut by a budget",
      endedCallEvent(
        callOutcome(
          { kind: "aborted", reason: "budget_exhausted", detail: "The stream reached what was held for it." },
          { charged: { tokens: 900, cost: undefined, estimated: true }, signals: ["hate.high", "jailbreak.detected"] },
          "daily",
        ),
        true,
        BEGAN,
      ),
    ],
    [
      "call that the agent left",
      endedCallEvent(callOutcome({ kind: "aborted", reason: undefined, detail: "The agent left." }), true, BEGAN),
    ],
    [
      "call refused by a budget",
      endedCallEvent(
        callOutcome({ kind: "refused", reason: "budget_exhausted", detail: "Nothing is left." }, nothing, "daily"),
        false,
        BEGAN,
      ),
    ],
    [
      "call that was not read",
      endedCallEvent(
        {
          ...callOutcome({ kind: "refused", reason: "malformed_request", detail: undefined }, nothing),
          start: { ...completed.start, api: undefined },
          policy: undefined,
          facts: { ...completed.facts, ...nothing, model: undefined },
        },
        false,
        BEGAN,
      ),
    ],
    [
      "call with hidden fields",
      {
        ...endedCallEvent(completed, true, BEGAN),
        target: HIDDEN,
        detail: { provider: HIDDEN, address: HIDDEN, usage: HIDDEN, outcome: "completed" },
      },
    ],
    [
      "budgets after a crash",
      sampleEvent("budget", "budget.recovered", "budgets", {
        torn: true,
        charged: [{ model: "fast", tokens: 512, costNanoUsd: 12_000 }],
        calls: 1,
      }),
    ],
    [
      "budgets after a clock step",
      sampleEvent("budget", "budget.clock_step", "budgets", {
        from: "2026-11-20T09:00:00.000Z",
        to: "2026-11-21T09:00:00.000Z",
      }),
    ],
  ];
}

const PROVIDER = { provider: "azure-eu", target: "gpt-4o-mini" };

type Ending =
  | Omit<Extract<Outcome, { kind: "completed" }>, keyof Exchange>
  | Omit<Extract<Outcome, { kind: "refused" }>, keyof Exchange>
  | Omit<Extract<Outcome, { kind: "aborted" }>, keyof Exchange>;
type Exchange = Pick<Outcome, "start" | "policy" | "rule" | "facts">;

function ended(ending: Ending, admitted: boolean, host: string, facts: Partial<ExchangeFacts> = {}): AuditEvent {
  return endedEvent(outcome(ending, "connect", host, facts), admitted, BEGAN);
}

function outcome(ending: Ending, action: string, host: string, facts: Partial<ExchangeFacts>): Outcome {
  return {
    ...ending,
    start: start(action, host, 443),
    policy: POLICY,
    rule: ending.kind === "completed" ? "github" : undefined,
    facts: { ...NOTHING, ...facts },
  };
}

const NOTHING: ExchangeFacts = {
  address: undefined,
  bytesOut: 0,
  bytesIn: 0,
  status: undefined,
  resolve: undefined,
  connect: undefined,
  total: millis(1_750.4),
};

function start(action: string, host: string, port: number): Outcome["start"] {
  return { request: "3f9a1c22-17", action, host: hostOf(host), port: port as Port, at: BEGAN, trace: undefined };
}

function hostOf(text: string): Host {
  const host = parseHost(text);
  if (!host.ok) throw new Error(host.problem);
  return host.value;
}
