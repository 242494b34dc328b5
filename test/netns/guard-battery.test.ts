import assert from "node:assert/strict";
import { test } from "node:test";
import { requirement } from "../require.ts";
import { unprivileged } from "./actor.ts";
import { AGENT_UIDS, battery } from "./battery.ts";
import { ROUTER } from "./case.ts";
import { guardPod, lines, PLAIN_RULE_SETS } from "./guarded.ts";
import { Lab } from "./lab.ts";
import { haveLegacyTables, haveNetns, IP, PYTHON, system } from "./system.ts";
import { World } from "./world.ts";

const netns = requirement("netns", haveNetns(), "needs root, ip netns, iptables, setpriv and /usr/bin/python3");
const legacy = requirement("legacy-tables", haveLegacyTables(), "needs a kernel with the legacy iptables tables");

test(
  "INV-GUARD-1: no UID but the router's leaves the pod, the router does, and probes are answered (nft)",
  netns,
  async () => {
    await using world = await World.open(AGENT_UIDS);
    await guardPod(world.lab, "nft");
    assert.deepEqual(lines(await world.play(battery(AGENT_UIDS))), []);
  },
);

test("INV-GUARD-1: the same with the legacy tables", netns.skip === false ? legacy : netns, async () => {
  await using world = await World.open(AGENT_UIDS);
  await guardPod(world.lab, "legacy");
  assert.deepEqual(lines(await world.play(battery(AGENT_UIDS))), []);
});

test("INV-GUARD-1: without redirection, ports 443, 80 and 53 are refused like any other", netns, async () => {
  await using world = await World.open(AGENT_UIDS);
  await guardPod(world.lab, "nft", PLAIN_RULE_SETS);
  // What has an address of its own outside and is the router's by redirection.
  const cases = battery(AGENT_UIDS).map((each) =>
    typeof each.expected === "object" &&
    each.expected.answer.startsWith("router:") &&
    /(the router's( closed .*)?|redirected.*|agent first asks\))$/.test(each.id)
      ? { ...each, expected: "refused" as const }
      : each,
  );
  assert.deepEqual(lines(await world.play(cases)), []);
});

/** What the kernel itself prevents, whoever guards; what the pod does with itself; and what is meant to work. */
const HARMLESS_WITHOUT_GUARD = [
  /: SO_MARK$/,
  /: IP_TRANSPARENT$/,
  /^ipv4 UID \d+: (PKTINFO )?from a foreign address/,
  /: UDP, corked and closed$/,
  /: to loopback, /,
  /: the router's \d+$/,
  /: its own listener on /,
  /^ipv6 UID \d+: bound to loopback/,
  /: goes on with it, unknown to conntrack$/,
  /: \(/,
  /: joins a group$/,
  / router: /,
  / outside: /,
];

test(
  "the battery has teeth: without the guard, every attempt but the harmless ones leaves or deceives",
  netns,
  async () => {
    await using world = await World.open([1_000]);
    const cases = battery([1_000]);
    const failed = new Set((await world.play(cases)).map((failure) => failure.case.id));
    const toothless = cases.map(({ id }) => id).filter((id) => !failed.has(id));
    assert.deepEqual(
      toothless.filter((id) => !HARMLESS_WITHOUT_GUARD.some((pattern) => pattern.test(id))),
      [],
    );
  },
);

test("INV-GUARD-2: with the router dead, its ports refuse at once, and nobody takes its place", netns, async () => {
  await using world = await World.open([1_000]);
  await guardPod(world.lab, "nft");
  await world.killRouter();
  const about = /UID 1000: (TCP 443|TCP 80|TCP 53|the router's \d+|listens on|connects from|answers DNS|admin on)/;
  const cases = battery([1_000])
    .filter((each) => about.test(each.id))
    .map((each) => (typeof each.expected === "object" ? { ...each, expected: "refused" as const } : each));
  assert.equal(cases.length > 30, true);
  assert.deepEqual(lines(await world.play(cases)), []);
});

test("INV-GUARD-3: another's DNAT behind our rules does not turn loopback into a way out", netns, async () => {
  await using world = await World.open([1_000]);
  const { lab } = world;
  lab.inPod(
    "iptables-nft",
    "-t",
    "nat",
    "-A",
    "OUTPUT",
    "-d",
    "127.0.0.1",
    "-p",
    "tcp",
    "-j",
    "DNAT",
    "--to-destination",
    "198.18.255.1:9999",
  );
  lab.inPod(
    "ip6tables-nft",
    "-t",
    "nat",
    "-A",
    "OUTPUT",
    "-d",
    "::1",
    "-p",
    "tcp",
    "-j",
    "DNAT",
    "--to-destination",
    "[2001:db8:ffff::1]:9999",
  );
  const cases = (["ipv4", "ipv6"] as const).map((family) => ({
    id: `${family} by way of another's DNAT`,
    family,
    actor: "1000",
    phase: "go" as const,
    attempt: { kind: "tcp", to: family === "ipv4" ? "127.0.0.1" : "::1", port: 5_555 },
    expected: "refused" as const,
    remote: [],
    mayLeave: false,
  }));
  assert.equal((await world.play(cases)).length > 0, true, "the DNAT leads outside where there is no guard");
  await guardPod(lab, "nft");
  assert.deepEqual(lines(await world.play(cases)), []);
});

test("INV-GUARD-1: a user namespace in which the agent calls itself the router changes nothing", netns, async () => {
  await using lab = new Lab();
  await guardPod(lab, "nft");
  const program = `
import socket
for to in ("198.18.255.1", "2001:db8:ffff::1"):
    with socket.socket(socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try: sock.sendto(b"x", (to, 9999)); print("sent")
        except OSError: pass
`;
  await lab.sniffer.ask({ do: "mark" });
  const asRouter = ["unshare", "--user", `--map-user=${ROUTER}`, PYTHON, "-I", "-c", program];
  const run = system(IP, ["netns", "exec", lab.pod, ...unprivileged(1_000), ...asRouter]);
  assert.equal(run.stdout, "");
  assert.deepEqual((await lab.sniffer.ask({ do: "frames" }))["frames"], []);
});
