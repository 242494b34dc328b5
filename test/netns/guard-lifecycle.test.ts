import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { BackendName } from "../../init-egress-guard/backend.ts";
import { type GuardHost, install, remove, verify } from "../../init-egress-guard/guard.ts";
import type { RunTool } from "../../init-egress-guard/tool.ts";
import { type GuardProof, readProof } from "../../router/core/guard/proof.ts";
import { requirement } from "../require.ts";
import { guardPod, SETTINGS } from "./guarded.ts";
import { unprivileged } from "./actor.ts";
import { Lab } from "./lab.ts";
import { haveLegacyTables, haveNetns, IP, PYTHON, system } from "./system.ts";

const netns = requirement("netns", haveNetns(), "needs root, ip netns, iptables, setpriv and /usr/bin/python3");
const legacy = requirement("legacy-tables", haveLegacyTables(), "needs a kernel with the legacy iptables tables");
const ROOT = resolve(import.meta.dirname, "../..");

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `sluice guard ...` in the pod, as root or as somebody else. */
function sluice(lab: Lab, args: readonly string[], identity: readonly string[] = []): Ran {
  const command = [
    "netns",
    "exec",
    lab.pod,
    ...identity,
    process.execPath,
    join(ROOT, "cli/sluice.ts"),
    "guard",
    ...args,
  ];
  const run = system(IP, command);
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

/** Both families' rules without counters, comments and tables that hold nothing: what is in force. */
function inForce(lab: Lab, backend: BackendName): string {
  return ["iptables", "ip6tables"]
    .map((tool) => {
      const lines = lab.inPod(`${tool}-${backend}-save`).split("\n");
      return [tool, ...lines.filter((line) => /^(-A|:SLUICE|\*|:\S+ DROP)/.test(line))].join("\n");
    })
    .join("\n")
    .replaceAll(/\*\w+\n(?=\*|$|ip)/g, "")
    .replaceAll(/\[\d+:\d+\]/g, "");
}

function hostOf(lab: Lab, run: RunTool = lab.runInPod()): GuardHost {
  return { run, ipv6: "enabled" };
}

/** Puts a line into the plan's text that no iptables takes. */
function spoilt(table: string, real: RunTool): RunTool {
  return (program, args, stdin) => {
    const text = stdin.includes("SLUICE-REFUSE")
      ? stdin.replace(`*${table}\n`, `*${table}\n-A NONSENSE -j ACCEPT\n`)
      : stdin;
    return real(program, args, text);
  };
}

for (const backend of ["nft", "legacy"] as const) {
  const needs = backend === "nft" || netns.skip !== false ? netns : legacy;

  test(`INV-GUARD-5: installing twice is installing once (${backend})`, needs, async () => {
    await using lab = new Lab();
    await guardPod(lab, backend);
    const once = inForce(lab, backend);
    await guardPod(lab, backend);
    assert.equal(inForce(lab, backend), once);
    assert.equal((await verify(hostOf(lab), SETTINGS, backend)).ok, true);
  });

  test(`other people's rules stay, ours come before them, and leave nothing behind (${backend})`, needs, async () => {
    await using lab = new Lab();
    for (const tool of [`iptables-${backend}`, `ip6tables-${backend}`]) {
      lab.inPod(
        tool,
        "-A",
        "OUTPUT",
        "-p",
        "tcp",
        "--dport",
        "25",
        "-m",
        "comment",
        "--comment",
        'old "-j SLUICE-X',
        "-j",
        "ACCEPT",
      );
      lab.inPod(tool, "-N", "OTHERS");
      lab.inPod(tool, "-A", "INPUT", "-j", "OTHERS");
      lab.inPod(tool, "-A", "FORWARD", "-j", "ACCEPT");
      lab.inPod(tool, "-P", "FORWARD", "DROP");
      lab.inPod(tool, "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "26", "-j", "REDIRECT", "--to-ports", "27");
    }
    const before = inForce(lab, backend);
    // Older rules of our own: a chain that the plan has no more, jumped to twice.
    lab.inPod(`iptables-${backend}`, "-N", "SLUICE-OLD");
    lab.inPod(`iptables-${backend}`, "-A", "OUTPUT", "-j", "SLUICE-OLD");
    lab.inPod(`iptables-${backend}`, "-I", "INPUT", "-p", "udp", "-j", "SLUICE-OLD");
    const installed = await install(hostOf(lab), SETTINGS, backend);
    assert.deepEqual(installed, {
      ok: true,
      value: { backend, families: ["ipv6", "ipv4"], problems: [], differences: [] },
    });
    const removed = await remove(hostOf(lab), backend);
    assert.deepEqual(removed, {
      ok: true,
      value: { backend, families: ["ipv6", "ipv4"], problems: [], differences: [] },
    });
    assert.equal(inForce(lab, backend), before);
  });
}

test(
  "INV-GUARD-6: verify names what was removed, altered, reordered, added, or put before the jump",
  netns,
  async (context) => {
    await using lab = new Lab();
    const tamperings: readonly (readonly [name: string, commands: readonly string[], found: readonly string[]])[] = [
      ["removed", ["iptables -D SLUICE-OUTPUT 1"], ["ipv4 filter/SLUICE-OUTPUT rule_missing"]],
      [
        "altered",
        ["ip6tables -t nat -R SLUICE-OUTPUT 2 -m owner --uid-owner 1000 -j RETURN"],
        ["ipv6 nat/SLUICE-OUTPUT rule_missing", "ipv6 nat/SLUICE-OUTPUT rule_foreign"],
      ],
      [
        "altered in one flag",
        [
          "iptables -R SLUICE-INPUT 1 ! -i lo -p tcp -m conntrack --ctstate NEW -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP",
        ],
        ["ipv4 filter/SLUICE-INPUT rule_missing", "ipv4 filter/SLUICE-INPUT rule_foreign"],
      ],
      [
        "narrowed by a match without a value",
        [
          "iptables -R SLUICE-INPUT 1 ! -i lo -p tcp -m conntrack --ctstate NEW -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m socket -j DROP",
        ],
        ["ipv4 filter/SLUICE-INPUT rule_missing", "ipv4 filter/SLUICE-INPUT rule_foreign"],
      ],
      [
        "reordered",
        ["ip6tables -D SLUICE-REFUSE 1", "ip6tables -A SLUICE-REFUSE -p tcp -j REJECT --reject-with tcp-reset"],
        ["ipv6 filter/SLUICE-REFUSE rules_reordered"],
      ],
      [
        "a foreign rule",
        ["iptables -I SLUICE-OUTPUT -d 1.1.1.1 -j ACCEPT"],
        ["ipv4 filter/SLUICE-OUTPUT rule_foreign"],
      ],
      ["a rule twice", ["iptables -A SLUICE-FORWARD -j DROP"], ["ipv4 filter/SLUICE-FORWARD rule_foreign"]],
      ["before the jump", ["ip6tables -I OUTPUT -d 2001:db8::5 -j ACCEPT"], ["ipv6 filter/OUTPUT jump_not_first"]],
      [
        "before the jump, raw",
        ["iptables -t raw -I PREROUTING -p udp -j NOTRACK"],
        ["ipv4 raw/PREROUTING jump_not_first"],
      ],
      ["the jump removed", ["iptables -D OUTPUT 1"], ["ipv4 filter/OUTPUT jump_missing"]],
      [
        "the jump narrowed",
        ["iptables -R OUTPUT 1 -p udp -j SLUICE-OUTPUT"],
        ["ipv4 filter/OUTPUT jump_missing", "ipv4 filter/OUTPUT jump_foreign"],
      ],
      ["the jump twice", ["iptables -A OUTPUT -j SLUICE-OUTPUT"], ["ipv4 filter/OUTPUT jump_foreign"]],
      [
        "a chain gone",
        ["iptables -D FORWARD 1", "iptables -F SLUICE-FORWARD", "iptables -X SLUICE-FORWARD"],
        ["ipv4 filter/SLUICE-FORWARD chain_missing", "ipv4 filter/FORWARD jump_missing"],
      ],
      ["a chain too many", ["iptables -t mangle -N SLUICE-MORE"], ["ipv4 mangle/SLUICE-MORE chain_foreign"]],
      [
        "a table flushed",
        ["ip6tables -t mangle -F"],
        ["ipv6 mangle/SLUICE-POSTROUTING rule_missing", "ipv6 mangle/POSTROUTING jump_missing"],
      ],
    ];
    for (const [name, commands, found] of tamperings) {
      await context.test(name, async () => {
        for (const tool of ["iptables-nft", "ip6tables-nft"]) lab.inPod(tool, "-F", "OUTPUT");
        lab.inPod("iptables-nft", "-t", "raw", "-F", "PREROUTING");
        await guardPod(lab, "nft");
        const untouched = await verify(hostOf(lab), SETTINGS, "nft");
        assert.deepEqual(untouched.ok && untouched.value.differences, []);
        for (const command of commands) {
          const [tool = "", ...args] = command.split(" ");
          lab.inPod(`${tool}-nft`, ...args);
        }
        const verified = await verify(hostOf(lab), SETTINGS, "nft");
        const differences = verified.ok ? verified.value.differences : [];
        assert.deepEqual(
          differences.map(({ family, place, code }) => `${family} ${place} ${code}`),
          found,
        );
      });
    }
  },
);

test("sluice guard: install, verify, prove, remove, with the exit codes of contract.md", netns, async () => {
  await using lab = new Lab();
  const directory = mkdtempSync(join(tmpdir(), "sluice-guard-"));
  try {
    const proofFile = join(directory, "proof.json");
    writeFileSync(proofFile, "of another life");
    const open = sluice(lab, ["prove", "--proof", proofFile]);
    assert.equal(open.code, 1);
    assert.match(open.stderr, /not proved: tcp to 192\.0\.2\.1 port 443: left/);
    assert.throws(() => readFileSync(proofFile), /ENOENT/, "an open pod has no proof");
    assert.equal(sluice(lab, ["verify"]).code, 1);

    const installed = sluice(lab, ["install", "--proof", proofFile]);
    assert.deepEqual([installed.code, installed.stderr], [0, ""]);
    assert.match(
      installed.stdout,
      /^guard installed: ipv6, ipv4 \(nft\)\nguard proved: \d+ attempts of UID 65534 over ipv4, ipv6, none left\n$/,
    );
    const here = {
      netns: lab.inPod("readlink", "/proc/self/ns/net").trim(),
      bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    };
    const text = readFileSync(proofFile, "utf8");
    assert.equal(readProof(text, here).ok, true);
    const elsewhere = readProof(text, { ...here, netns: "net:[1]" });
    assert.equal(!elsewhere.ok && elsewhere.problem.code, "proof_stale");

    assert.deepEqual(sluice(lab, ["verify"]), { code: 0, stdout: "guard verified: ipv6, ipv4 (nft)\n", stderr: "" });
    // The init container sluice-prove; root without a single capability; root with NET_ADMIN alone; the router.
    for (const [identity, code] of [
      [unprivileged(65_534), 0],
      [unprivileged(1_000_660_000), 0],
      [unprivileged(0), 0],
      [unprivileged(0, ["net_admin"]), 0],
      [unprivileged(20_480), 1],
    ] as const) {
      const proved = sluice(lab, ["prove", "--json"], identity);
      assert.equal(proved.code, code, proved.stderr);
      if (code === 0) assert.equal((JSON.parse(proved.stdout) as GuardProof).uid, Number(identity[2]));
    }
    const unwritable = sluice(lab, ["prove", "--proof", "/proc/proof.json"]);
    assert.equal(unwritable.code, 1);
    assert.match(unwritable.stderr, /the proof could not be written: /);
    // As the init container sluice-guard runs it.
    const again = sluice(lab, ["install", "--json"], unprivileged(0, ["net_admin"]));
    assert.equal(again.code, 0, again.stderr);
    assert.equal((JSON.parse(again.stdout) as { proof: GuardProof }).proof.uid, 0);

    assert.deepEqual(sluice(lab, ["remove"]), { code: 0, stdout: "guard removed: ipv6, ipv4 (nft)\n", stderr: "" });
    assert.equal(sluice(lab, ["verify"]).code, 1);
    assert.equal(sluice(lab, ["remove"]).code, 0, "twice");
    assert.equal(sluice(lab, ["install"], unprivileged(0)).code, 1, "without NET_ADMIN");
    assert.doesNotMatch(inForce(lab, "nft"), /SLUICE/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("INV-GUARD-7: a gateway that answers with resets and unreachables is not taken for the guard", netns, async () => {
  await using lab = new Lab();
  for (const tool of ["iptables-nft", "ip6tables-nft"]) {
    const run = (...args: readonly string[]) => system(IP, ["netns", "exec", lab.outside, tool, ...args]);
    run("-A", "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset");
    run("-A", "INPUT", "-p", "udp", "-j", "REJECT");
  }
  const proved = sluice(lab, ["prove", "--json"]);
  assert.equal(proved.code, 1);
  const { checks } = JSON.parse(proved.stdout) as GuardProof;
  assert.deepEqual(
    checks.filter(({ outcome }) => outcome !== "left" && outcome !== "timed_out"),
    [],
  );
});

test("INV-GUARD-8: no ip6tables where IPv6 is on is a failure, and IPv4 is closed all the same", netns, async () => {
  await using lab = new Lab();
  const real = lab.runInPod();
  const run: RunTool = (program, args, stdin) =>
    program.startsWith("ip6tables") ? Promise.resolve({ status: "missing" }) : real(program, args, stdin);
  const installed = await install(hostOf(lab, run), SETTINGS, undefined);
  const report = installed.ok ? installed.value : undefined;
  assert.deepEqual(
    report?.problems.map(({ family }) => family),
    ["ipv6"],
  );
  assert.match(report.problems[0]?.message ?? "", /ip6tables-nft-save is not here; ipv6 IS OPEN/);
  assert.deepEqual(
    report.differences.map(({ family, code }) => `${family} ${code}`),
    ["ipv6 unreadable"],
  );
  assert.match(inForce(lab, "nft"), /-A OUTPUT -j SLUICE-OUTPUT/);

  const disabled = await install({ run, ipv6: "disabled" }, SETTINGS, undefined);
  assert.deepEqual(disabled.ok && [disabled.value.families, disabled.value.problems], [["ipv4"], []]);
  const absent = await install({ run: real, ipv6: "absent" }, SETTINGS, undefined);
  assert.deepEqual(absent.ok && [absent.value.families, absent.value.problems], [["ipv4"], []]);
});

test("INV-GUARD-8: a text that the kernel refuses leaves the pod closed", netns, async (context) => {
  for (const [table, says] of [
    ["nat", /the filter table stands, so ipv[46] is closed/],
    ["raw", /the filter table stands, so ipv[46] is closed/],
    ["filter", /ipv[46] is closed to everybody/],
  ] as const) {
    await context.test(`in ${table}`, async () => {
      await using lab = new Lab();
      const installed = await install(hostOf(lab, spoilt(table, lab.runInPod())), SETTINGS, undefined);
      const problems = installed.ok ? installed.value.problems : [];
      assert.deepEqual(
        problems.map(({ family }) => family),
        ["ipv6", "ipv4"],
      );
      for (const { message } of problems) assert.match(message, says);
      // Closed: nothing leaves, though not everything is refused as it will be.
      const agent = lab.actor("pod", unprivileged(1_000));
      const cases = ["198.18.0.1", "2001:db8:1:1::1"].flatMap((to) =>
        (["tcp", "udp"] as const).flatMap((kind) =>
          [53, 443, 9_999].map((port) => ({ id: `${kind} ${to} ${port}`, kind, to, port, wait: 0.2 })),
        ),
      );
      await lab.sniffer.ask({ do: "mark" });
      await agent.ask({ do: "run", cases });
      const { frames } = await lab.sniffer.ask({ do: "frames" });
      assert.deepEqual(frames, []);
      // And the next attempt finds its way.
      const repaired = await install(hostOf(lab), SETTINGS, undefined);
      assert.deepEqual(repaired.ok && [repaired.value.problems, repaired.value.differences], [[], []]);
    });
  }
});

test("in a user namespace of 65,536 UIDs (hostUsers: false) the guard is installed from inside", netns, () => {
  const script = `
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
a, b, c, d = *os.pipe(), *os.pipe()
child = os.fork()
if child == 0:
    if libc.unshare(0x10000000 | 0x40000000) != 0: os._exit(99)
    os.write(b, b"x"); os.read(c, 1)
    os.setgroups([]); os.setgid(0); os.setuid(0)
    subprocess.run(["ip", "link", "set", "lo", "up"])
    os.execv(sys.argv[1], sys.argv[1:])
os.read(a, 1)
for kind in ("uid_map", "gid_map"):
    with open(f"/proc/{child}/{kind}", "w") as f: f.write("0 200000 65536")
os.write(d, b"x")
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`;
  const inside = (...args: readonly string[]) =>
    system(PYTHON, ["-I", "-c", script, process.execPath, join(ROOT, "cli/sluice.ts"), "guard", ...args]);
  const installed = inside("install", "--json");
  const report = JSON.parse(installed.stdout) as { installed: boolean; problems: unknown[] };
  assert.deepEqual([report.installed, report.problems], [true, []], installed.stderr);
  // Nothing but loopback there: installed, and yet nothing shown.
  assert.equal(installed.status, 1);
  assert.match(installed.stderr, /not proved: No address family was tried/);
  assert.match(inside("print").stdout, /--uid-owner 0-65535 /);
});
