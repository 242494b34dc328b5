import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Reason } from "../../router/core/base/reason.ts";
import { AttackAgent } from "../fakes/attack-agent.ts";
import { auditRecords } from "../fakes/audit-records.ts";
import { lowPorts } from "../fakes/low-ports.ts";
import { egressPolicy } from "../fakes/sidecar.ts";
import { writeSigned } from "../fakes/signing.ts";
import { type Ask, type Asked, tells, type Told, VERDICT_DOORS, type VerdictDoor } from "../fakes/verdict-doors.ts";
import { HANGING, hostOf, verdictWorld, type VerdictWorld, ZONE_PORT } from "../fakes/verdict-world.ts";
import { until } from "../fakes/until.ts";

let world: VerdictWorld;

before(async () => {
  if (lowPorts.skip === false) world = await verdictWorld(VERDICT_DOORS);
});
after(async () => {
  AttackAgent.closeAll();
  await world?.[Symbol.asyncDispose]();
});

interface VerdictCase {
  readonly name: string;
  readonly verdict: Reason | "allowed";
  /** By default the zone's host of this label and the zone's port. */
  readonly label: string | ((door: VerdictDoor) => string);
  readonly ask?: (door: VerdictDoor) => Partial<Ask>;
  /** Asked before, with leave: and left open, or ended. */
  readonly first?: "left open" | "ended";
  /** Why this door has no words for the case; undefined: it has. */
  readonly not?: (door: VerdictDoor) => string | undefined;
  /** Where doors must differ. */
  readonly otherwise?: (door: VerdictDoor) => Reason | undefined;
}

const noRequests = ({ says }: VerdictDoor): string | undefined =>
  says.requests ? undefined : "nobody sees requests inside";
const noHello = ({ says }: VerdictDoor): string | undefined =>
  says.hello ? undefined : "the client sends no ClientHello";
const isRedirected = ({ name }: VerdictDoor): boolean => name.endsWith("port-443") || name === "port-80";

const CASES: readonly VerdictCase[] = [
  { name: "what is allowed", verdict: "allowed", label: "ok" },
  { name: "a host nobody names", verdict: "host_not_allowed", label: "nobody" },
  { name: "a rule for other ports", verdict: "port_not_allowed", label: "elsewhere" },
  {
    name: "a port that no rule names",
    verdict: "port_not_allowed",
    label: "ok",
    ask: () => ({ port: 8_001 }),
    not: (door) => (isRedirected(door) ? "its port is what it is" : undefined),
  },
  { name: "deny wins", verdict: "denied_by_rule", label: "denied" },
  { name: "in any spelling", verdict: "denied_by_rule", label: "DENIED" },
  { name: "a name on a blocklist", verdict: "blocklisted", label: "blocked" },
  { name: "a model provider's host", verdict: "inference_only", label: "provider" },
  { name: "what the governance policy denies", verdict: "governance_denied", label: "governed" },
  { name: "what the governance policy asks an approval for", verdict: "approval_required", label: "asked" },
  { name: "a path", verdict: "path_not_allowed", label: "ok", ask: () => ({ path: "/closed" }), not: noRequests },
  { name: "a method", verdict: "method_not_allowed", label: "ok", ask: () => ({ method: "DELETE" }), not: noRequests },
  { name: "a name for addresses of the pod's network", verdict: "address_not_allowed", label: "private" },
  { name: "a name for the metadata service", verdict: "address_not_allowed", label: "metadata" },
  { name: "a name for private addresses within others", verdict: "address_not_allowed", label: "mapped" },
  {
    name: "an address that no rule names",
    verdict: "host_not_allowed",
    label: "",
    ask: () => ({ host: "169.254.169.254" }),
    not: ({ says }) => (says.addresses ? undefined : "a server_name is no address"),
  },
  {
    name: "an address in IPv6 that no rule names",
    verdict: "host_not_allowed",
    label: "",
    ask: () => ({ host: "fd00::1" }),
    not: ({ says }) => (says.addresses ? undefined : "a server_name is no address"),
  },
  {
    name: "a spelling of an address that is no address",
    verdict: "malformed_request",
    label: "",
    ask: () => ({ host: "0x7f.1" }),
  },
  { name: "a NUL in the name", verdict: "malformed_request", label: "ok\0" },
  {
    name: "a rule for something else on this port",
    verdict: "malformed_request",
    label: "wrong",
    ask: ({ zone, name }) => (zone === "seen" && name.startsWith("inspected") ? { hello: "bare" } : {}),
    otherwise(door) {
      if (door.zone === "web") return "not_tls";
      // To a rule for plain HTTP a request over TLS is of the wrong kind, as any request is to one for tcp.
      return door.name.startsWith("fetch") || door.name === "absolute-https" ? "method_not_allowed" : undefined;
    },
  },
  {
    name: "another server_name",
    verdict: "sni_mismatch",
    label: "ok",
    ask: () => ({ hello: "other" }),
    not: (door) => noHello(door) ?? (isRedirected(door) ? "server_name is the host" : undefined),
  },
  { name: "no server_name", verdict: "sni_missing", label: "ok", ask: () => ({ hello: "none" }), not: noHello },
  {
    name: "an encrypted server_name",
    verdict: "ech_not_allowed",
    label: "ok",
    ask: () => ({ hello: "ech" }),
    not: noHello,
  },
  { name: "no TLS", verdict: "not_tls", label: "ok", ask: () => ({ hello: "clear" }), not: noHello },
  {
    name: "another host inside",
    verdict: "host_mismatch",
    label: "ok",
    ask: () => ({ hostField: "other.web.example" }),
    not: ({ says }) => (says.hostField ? undefined : "the host is said once"),
  },
  { name: "a name that nobody knows", verdict: "dns_failure", label: "missing" },
  { name: "an origin that is down", verdict: "upstream_unreachable", label: "dead" },
  { name: "too many in a minute", verdict: "rate_limited", label: ({ name }) => `fast-${name}`, first: "ended" },
  {
    name: "too many at a time",
    verdict: "connection_limit",
    label: ({ name }) => `full-${name}`,
    ask: ({ says }) => (says.requests ? { path: HANGING } : {}),
    first: "left open",
    not: ({ name }) => (name === "fetch-https" ? "its request would hang, and it is opaque" : undefined),
  },
];

for (const each of CASES) {
  describe(`${each.name}: ${each.verdict}`, () => {
    for (const door of VERDICT_DOORS) {
      const because = each.not?.(door);
      if (because === undefined) test(door.name, lowPorts, async () => run(each, door));
    }
  });
}

test("every case is told by CONNECT, SOCKS5 or a redirected port, and by the fetch tool or one of them inspected", () => {
  for (const each of CASES) {
    const doors = VERDICT_DOORS.filter((door) => each.not?.(door) === undefined).map(({ name }) => name);
    assert.ok(doors.length >= 4, `${each.name}: ${doors.join(", ")}`);
  }
});

async function run(each: VerdictCase, door: VerdictDoor): Promise<void> {
  const { label } = each;
  const host = hostOf(typeof label === "string" ? label : label(door), door.zone);
  const ask: Ask = { host, port: ZONE_PORT[door.zone], ...each.ask?.(door) };
  if (each.first !== undefined) {
    const { told, close } = await door.ask(world, ask);
    assert.deepEqual(told, { kind: "allowed" } satisfies Told, "what came before");
    if (each.first === "ended") close();
  }
  await verdictOf(door, ask, each.otherwise?.(door) ?? each.verdict);
}

async function verdictOf(door: VerdictDoor, ask: Ask, verdict: Reason | "allowed"): Promise<void> {
  const since = auditRecords(world.sidecar.auditDirectory).length;
  const reached = world.reached();
  const { told, close } = await door.ask(world, ask);
  close();
  const ways = auditRecords(world.sidecar.auditDirectory)
    .slice(since)
    .flatMap(({ kind, detail }) => (kind === "egress.decision" ? [detail["via"]] : []));
  assert.ok(ways.length > 0 || verdict !== "allowed");
  for (const way of ways)
    assert.ok(
      waysOf(door).some((known) => known === way),
      `by way of ${String(way)}`,
    );
  if (verdict === "allowed") {
    assert.deepEqual(told, { kind: "allowed" } satisfies Told);
    return;
  }
  assert.deepEqual(await reasonsSince(since), [verdict], `told ${JSON.stringify(told)}`);
  assert.ok(tells(told, verdict), `told ${JSON.stringify(told)}`);
  // An inspected origin is dialled before a request inside is judged, and one of a tunnel before its hello is.
  if (
    !["sni_mismatch", "sni_missing", "ech_not_allowed", "not_tls", "host_mismatch"].includes(verdict) &&
    door.zone !== "seen"
  ) {
    assert.equal(world.reached(), reached, "it reached an origin");
  }
}

/** What its records say it came through: the tunnel, and where that is inspected the requests inside. */
function waysOf({ name }: VerdictDoor): readonly string[] {
  if (name.startsWith("fetch")) return ["fetch"];
  if (name.startsWith("absolute")) return ["forward"];
  if (name === "port-80") return ["http"];
  const tunnel = name.includes("socks") ? "socks" : name.includes("443") ? "tls" : "connect";
  return name.startsWith("inspected") ? [tunnel, "inspection"] : [tunnel];
}

/** Why anything was refused or ended by us behind so many records. */
async function reasonsSince(since: number): Promise<readonly (string | null)[]> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const later = auditRecords(world.sidecar.auditDirectory).slice(since);
    // What began before may end late: a tunnel that an earlier case left open.
    const begun = new Set(later.filter(({ kind }) => kind === "egress.decision").map(({ request }) => request));
    const refused = later.filter(
      ({ kind, decision, reason, request }) =>
        kind.startsWith("egress") &&
        begun.has(request) &&
        (decision === "deny" || (kind === "egress.end" && reason !== null)),
    );
    if (refused.length > 0 || Date.now() > deadline) return refused.map(({ reason }) => reason);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("a policy that has expired: policy_expired", () => {
  /** Tunnels that were open when it did. */
  const open = new Map<string, Asked>();

  before(async () => {
    if (lowPorts.skip !== false) return;
    for (const door of VERDICT_DOORS.filter(({ says, zone }) => says.hello && zone === "opaque")) {
      const asked = await door.ask(world, { host: hostOf("ok", door.zone), port: ZONE_PORT[door.zone] });
      assert.deepEqual(asked.told, { kind: "allowed" } satisfies Told);
      open.set(door.name, asked);
    }
    const document = egressPolicy(9, world.allow).replace(
      /expiresAt: "[^"]*"/,
      `expiresAt: "${new Date(Date.now() + 4_000).toISOString()}"`,
    );
    writeSigned(world.sidecar.policyDirectory, "egress.yaml", document, world.sidecar.signer);
    const [door] = VERDICT_DOORS;
    assert.ok(door !== undefined);
    const deadline = Date.now() + 20_000;
    for (let last: Told = { kind: "allowed" }; !tells(last, "policy_expired");) {
      assert.ok(Date.now() < deadline, JSON.stringify(last));
      const { told, close } = await door.ask(world, { host: hostOf("ok", door.zone), port: ZONE_PORT[door.zone] });
      close();
      last = told;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test("ends the tunnels that are open, whichever door they came through", lowPorts, async () => {
    assert.deepEqual([...open.keys()], ["connect", "socks", "port-443"]);
    const deadline = Date.now() + 10_000;
    const standing = (): readonly string[] =>
      [...open].flatMap(([name, { ended }]) => (ended?.() === true ? [] : [name]));
    while (standing().length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(standing(), []);
    const ends = (): number =>
      auditRecords(world.sidecar.auditDirectory).filter(
        ({ kind, reason, target }) =>
          kind === "egress.end" && reason === "policy_expired" && target === `${hostOf("ok", "opaque")}:443`,
      ).length;
    await until(() => ends() >= open.size);
    // The last one that asked whether it has expired may have been cut before it was closed.
    assert.ok(ends() <= open.size + 1, String(ends()));
  });

  for (const door of VERDICT_DOORS) {
    test(door.name, lowPorts, async () => {
      await verdictOf(door, { host: hostOf("ok", door.zone), port: ZONE_PORT[door.zone] }, "policy_expired");
    });
  }
});
