import assert from "node:assert/strict";
import { test } from "node:test";
import { EgressGovernance } from "../../../../router/app/governance/egress-governance.ts";
import type { Denial, Governed, Governor, Grants, Leave } from "../../../../router/app/governance/governor.ts";
import type { Exchange, GovernedExchange } from "../../../../router/app/exchange.ts";
import { REASONS, type Reason } from "../../../../router/core/base/reason.ts";
import { portOf } from "../../../../router/core/base/quantity.ts";
import type { Action } from "../../../../router/core/governance/action.ts";
import { actionTarget } from "../../../../router/core/governance/action-target.ts";
import {
  NO_GOVERNANCE,
  type GovernanceSnapshot,
} from "../../../../router/core/governance/compile-governance-policy.ts";
import { NO_OBLIGATIONS } from "../../../../router/core/governance/obligations.ts";
import type { EgressRequest } from "../../../../router/core/policy/egress-request.ts";
import type { NamePermit } from "../../../../router/core/policy/permit.ts";
import { parseHost } from "../../../../router/core/wire/host.ts";
import { governance } from "../../core/governance/engine-fixture.ts";

/** Every verdict is scripted by the action's target; what is asked is written down. */
interface World {
  readonly egress: EgressGovernance;
  readonly asked: string[];
  readonly ended: string[];
  readonly denied: string[];
  readonly exchange: Exchange;
}

interface Options {
  /** Why an action is refused, by its kind or its target. */
  readonly refused?: Readonly<Record<string, Partial<Denial>>>;
  readonly grants?: Readonly<Record<string, { readonly id: string } | "expired">>;
  readonly policy?: GovernanceSnapshot;
  readonly asking?: boolean;
}

const told = (action: Action): string =>
  action.kind === "egress"
    ? `${action.protocol} ${actionTarget(action)} ${action.method ?? "-"} ${action.path ?? "-"}`
    : `${action.kind} ${actionTarget(action)}`;

function world({ refused = {}, grants = {}, policy = governance([]), asking = true }: Options = {}): World {
  const [asked, ended, denied]: [string[], string[], string[]] = [[], [], []];
  const judge = (action: Action, passing: boolean, grant?: string): Governed => {
    assert.ok(passing);
    asked.push([told(action), ...(grant === undefined ? [] : [grant])].join(" by "));
    const denial = refused[action.kind];
    if (denial !== undefined) {
      return {
        kind: "refused",
        reason: "governance_denied",
        policy: undefined,
        rule: undefined,
        message: undefined,
        retryAfter: undefined,
        askable: false,
        ...denial,
      };
    }
    const leave: Leave = {
      kind: "allowed",
      policy: undefined,
      rule: undefined,
      obligations: NO_OBLIGATIONS,
      approval: grant,
      observed: undefined,
      holds: false,
      ended: (result) => ended.push(`${action.kind} ${result}`),
    };
    return leave;
  };
  const preview = (action: Action): Governed => {
    const found = grants[action.kind];
    const leave = judge(action, true);
    asked.pop();
    return leave.kind === "allowed" && typeof found === "object" ? { ...leave, approval: found.id } : leave;
  };
  const standing = (action: Action, approval: string | undefined): Reason | undefined => {
    asked.push(`standing ${told(action)} ${approval ?? "-"}`);
    return refused[action.kind]?.reason;
  };
  const fake: Grants = {
    find: (action) => grants[told(action).split(" ")[0] ?? ""],
    use: () => assert.fail("the governor takes uses"),
    stands: (id) => id === "live",
  };
  const egress = new EgressGovernance({
    // What it calls of the governor, and nothing else.
    governor: { judge, standing, preview } as unknown as Governor,
    grants: fake,
    policy: () => policy,
    state: () => 7,
    asking: () => asking,
    denied: (action) => denied.push(told(action)),
  });
  return {
    egress,
    asked,
    ended,
    denied,
    exchange: { leaves: [] as readonly GovernedExchange[] } as unknown as Exchange,
  };
}

function where(host: string, port = 443) {
  const [parsed, number] = [parseHost(host), portOf(port)];
  if (!parsed.ok || number === undefined) throw new Error("no place");
  return { host: parsed.value, port: number };
}
const tunnel = (host: string): EgressRequest => ({ via: "tunnel", ...where(host) });
const http = (host: string): EgressRequest => ({ via: "http", ...where(host), method: "GET", path: "/a?b" });
const permit = (protocol: "tls" | "tcp" | "http"): NamePermit =>
  ({ obligations: { protocol } }) as unknown as NamePermit;

const judged: readonly (readonly [
  string,
  EgressRequest,
  "tls" | "tcp" | "http",
  string | undefined,
  readonly string[],
])[] = [
  ["a tunnel of TLS", tunnel("a.example"), "tls", undefined, ["tls a.example:443 - -"]],
  ["a tunnel of anything", tunnel("a.example"), "tcp", undefined, ["tcp a.example:443 - -"]],
  ["a request", http("a.example"), "http", undefined, ["http a.example:443 GET /a?b"]],
  ["with the approval that let it pass", tunnel("a.example"), "tls", "g", ["tls a.example:443 - - by g"]],
  ["a tunnel of requests opens nothing", tunnel("a.example"), "http", undefined, []],
];
for (const [name, request, protocol, grant, expected] of judged) {
  test(`judged: ${name}`, () => {
    const { egress, asked, exchange } = world();
    assert.equal(egress.judge(exchange, request, permit(protocol), grant), undefined);
    assert.deepEqual(asked, expected);
    assert.equal(exchange.leaves.length, expected.length);
  });
}

test("what leads to a peer's endpoint is a message to that peer besides, and an approval is for egress only", () => {
  const { egress, asked, exchange } = world();
  assert.equal(egress.judge(exchange, tunnel("billing.example"), permit("tls"), "g"), undefined);
  assert.deepEqual(asked.toSorted(), ["mesh.send billing", "tls billing.example:443 - - by g"]);
  assert.deepEqual(exchange.leaves.map(({ action }) => action.kind).toSorted(), ["egress", "mesh.send"]);
});

for (const rests of ["egress", "mesh.send"]) {
  test(`INV-GOV-GRANT-REQUEST: a WebSocket for which an approval of ${rests} would be used: refused before that`, () => {
    const { egress, asked, ended, exchange } = world({ grants: { [rests]: { id: "g" } } });
    const refused = egress.judge(exchange, http("billing.example"), permit("http"), undefined, true);
    assert.equal(refused?.reason, "governance_denied");
    assert.match(refused.detail ?? "", /none of a WebSocket/);
    assert.deepEqual([asked, ended, exchange.leaves], [[], [], []]);
    assert.equal(egress.judge(exchange, http("billing.example"), permit("http"), undefined), undefined);
  });
}

test("a WebSocket that rules allow is judged like any request", () => {
  const { egress, asked, exchange } = world();
  assert.equal(egress.judge(exchange, http("a.example"), permit("http"), undefined, true), undefined);
  assert.deepEqual(asked, ["http a.example:443 GET /a?b"]);
});

test("a peer that may not be spoken to: refused, all is given back, and the approval of the egress is kept", () => {
  const { egress, asked, ended, exchange } = world({ refused: { "mesh.send": { rule: "no-mesh" } } });
  const refused = egress.judge(exchange, tunnel("billing.example"), permit("tls"), "g");
  assert.equal(refused?.rule, "no-mesh");
  assert.deepEqual(exchange.leaves, []);
  // The message is judged first: a use of the approval is taken last of all.
  assert.deepEqual([asked, ended], [["mesh.send billing"], []]);
});

test("where the egress is refused, the message's leave is given back", () => {
  const { egress, ended, exchange } = world({ refused: { egress: {} } });
  assert.notEqual(egress.judge(exchange, tunnel("billing.example"), permit("tls"), undefined), undefined);
  assert.deepEqual(ended, ["mesh.send unknown"], "which is no failure of the agent's");
  assert.deepEqual(exchange.leaves, []);
});

test("a refusal says what the judge said", () => {
  const denial = { rule: "r", message: "Why.", retryAfter: 5, reason: "rate_limited" as const, askable: true };
  const { egress, exchange } = world({ refused: { egress: denial } });
  const { rule, detail, retryAfter, reason, askable } =
    egress.judge(exchange, tunnel("a.example"), permit("tls"), undefined) ?? {};
  assert.deepEqual(
    { rule, detail, retryAfter, reason, askable },
    { rule: "r", detail: "Why.", retryAfter: 5, reason: "rate_limited", askable: true },
  );
  const silent = world({ refused: { egress: denial }, asking: false });
  assert.equal(silent.egress.judge(silent.exchange, tunnel("a.example"), permit("tls"), undefined)?.askable, false);
});

const ASKABLE = ["host_not_allowed", "port_not_allowed", "method_not_allowed", "path_not_allowed"];
for (const reason of Object.keys(REASONS) as Reason[]) {
  const can = ASKABLE.includes(reason);
  test(`${reason} ${can ? "can" : "cannot"} be overruled by an approval`, () => {
    const { egress } = world({ grants: { tls: { id: "live" } } });
    assert.deepEqual(egress.grant(tunnel("a.example"), reason), can ? { id: "live", protocol: "tls" } : undefined);
    assert.equal(egress.mayAsk(tunnel("a.example"), reason), can);
    assert.equal(world({ asking: false }).egress.mayAsk(tunnel("a.example"), reason), false);
  });
}

const grants: readonly (readonly [string, EgressRequest, NonNullable<Options["grants"]>, unknown])[] = [
  ["none", tunnel("a.example"), {}, undefined],
  ["for a tunnel", tunnel("a.example"), { tls: { id: "g" } }, { id: "g", protocol: "tls" }],
  ["for another protocol", tunnel("a.example"), { tcp: { id: "g" } }, { id: "g", protocol: "tcp" }],
  ["for requests opens no tunnel", tunnel("a.example"), { http: { id: "g" } }, undefined],
  ["for tunnels allows no request", http("a.example"), { tls: { id: "g" }, tcp: { id: "g" } }, undefined],
  ["for a request", http("a.example"), { http: { id: "g" } }, { id: "g", protocol: "http" }],
  [
    "one that is over, and another",
    tunnel("a.example"),
    { tls: "expired", tcp: { id: "g" } },
    { id: "g", protocol: "tcp" },
  ],
  ["one that is over", tunnel("a.example"), { tcp: "expired" }, "expired"],
];
for (const [name, request, held, expected] of grants) {
  test(`approvals: ${name}`, () =>
    assert.deepEqual(world({ grants: held }).egress.grant(request, "host_not_allowed"), expected));
}

test("what is live is asked again, each part of it with its own approval", () => {
  const { egress, asked, exchange } = world();
  egress.judge(exchange, tunnel("billing.example"), permit("tls"), "g");
  asked.length = 0;
  assert.equal(egress.standing(exchange), undefined);
  assert.deepEqual(asked.toSorted(), ["standing mesh.send billing -", "standing tls billing.example:443 - - g"]);
  const { exchange: other, egress: strict } = world({ refused: { "mesh.send": { reason: "governance_denied" } } });
  other.leaves = exchange.leaves;
  assert.equal(strict.standing(other), "governance_denied");
  assert.equal(egress.state(), 7);
  assert.equal(egress.stands("live"), true);
  assert.equal(egress.stands("gone"), false);
});

test("without a policy no place is a peer's or a server's", () => {
  const { egress, asked, exchange } = world({ policy: NO_GOVERNANCE });
  assert.equal(egress.judge(exchange, tunnel("billing.example"), permit("tls"), undefined), undefined);
  assert.deepEqual(asked, ["tls billing.example:443 - -"]);
  const { host, port } = where("mcp.github.example");
  assert.equal(egress.isServer(host, port), false);
  assert.equal(world().egress.isServer(host, port), true);
});

test("of what the egress policy denies, what an approval could allow is told, as where the agent asks for it", () => {
  const { egress, denied } = world();
  for (const reason of Object.keys(REASONS) as Reason[]) egress.denied(tunnel("a.example"), reason);
  assert.deepEqual(
    denied,
    Array.from({ length: 4 }, () => "tls a.example:443 - -"),
  );
  egress.denied(http("a.example"), "path_not_allowed");
  assert.equal(denied.at(-1), "http a.example:443 GET /a?b");
});
