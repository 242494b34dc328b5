import assert from "node:assert/strict";
import { test } from "node:test";
import { type BackendName, findBackend } from "../../../init-egress-guard/backend.ts";
import type { RunTool, ToolOutcome } from "../../../init-egress-guard/tool.ts";

/** Programs by name: what `--version` says, what saving prints (or its error), whether an owner rule is taken. */
type Machine = Readonly<Record<string, { version: string; saved: string | { error: string }; owner: boolean }>>;

const exited = (code: number, stdout: string, stderr: string): ToolOutcome => ({
  status: "exited",
  code,
  stdout,
  stderr,
});

function runner(machine: Machine, calls: string[]): RunTool {
  return (program, args, stdin) => {
    const entry = machine[program.replace(/-(restore|save)$/, "")];
    if (entry === undefined) return Promise.resolve({ status: "missing" });
    calls.push(`${program} ${args.join(" ")}`.trim());
    if (args[0] === "--version") return Promise.resolve(exited(0, `iptables v1.8.9 ${entry.version}\n`, ""));
    if (program.endsWith("-save")) {
      const { saved } = entry;
      return Promise.resolve(typeof saved === "string" ? exited(0, saved, "") : exited(1, "", saved.error));
    }
    assert.match(stdin, /^\*filter\n:SLUICE-PROBE - \[0:0\]\n-A SLUICE-PROBE -m owner /);
    assert.match(stdin, /-X SLUICE-PROBE\nCOMMIT\n$/);
    return Promise.resolve(
      entry.owner ? exited(0, "", "") : exited(2, "", "line 3: no chain/target/match by that name\n"),
    );
  };
}

const NFT = { version: "(nf_tables)", saved: "", owner: true };
const LEGACY = { version: "(legacy)", saved: "", owner: true };
const OURS = "*filter\n:SLUICE-OUTPUT - [0:0]\nCOMMIT\n";
const DENIED = { error: "Could not fetch rule set generation id: Permission denied (you must be root)\n" };

const rows: readonly {
  readonly name: string;
  readonly machine: Machine;
  readonly wanted?: BackendName;
  readonly purpose?: "read";
  readonly found: string;
}[] = [
  {
    name: "both: nft",
    machine: { "iptables-nft": NFT, "iptables-legacy": LEGACY, iptables: LEGACY },
    found: "nft -nft",
  },
  {
    name: "legacy where it is asked for",
    machine: { "iptables-nft": NFT, "iptables-legacy": LEGACY },
    wanted: "legacy",
    found: "legacy -legacy",
  },
  { name: "a plain iptables of either kind", machine: { iptables: NFT }, found: "nft " },
  { name: "a plain legacy one", machine: { iptables: LEGACY }, found: "legacy " },
  { name: "before 1.8 there was no word for it", machine: { iptables: { ...LEGACY, version: "" } }, found: "legacy " },
  {
    name: "a kernel without nf_tables",
    machine: { "iptables-nft": { ...NFT, saved: { error: "Protocol not supported" } }, "iptables-legacy": LEGACY },
    found: "legacy -legacy",
  },
  {
    name: "nft without the owner match",
    machine: { "iptables-nft": { ...NFT, owner: false }, "iptables-legacy": LEGACY },
    found: "legacy -legacy",
  },
  {
    name: "no owner match anywhere",
    machine: { "iptables-nft": { ...NFT, owner: false }, "iptables-legacy": { ...LEGACY, owner: false } },
    found:
      "tools_unusable: iptables-nft-restore: no owner match (line 3: no chain/target/match by that name); iptables-legacy-restore: no owner match (line 3: no chain/target/match by that name)",
  },
  {
    name: "no privilege",
    machine: { "iptables-nft": { ...NFT, saved: DENIED } },
    found: `tools_unusable: iptables-nft-restore: ${DENIED.error.trim()}`,
  },
  { name: "nothing installed", machine: {}, found: "tools_missing: no iptables-restore here" },
  {
    name: "not what was asked for",
    machine: { iptables: LEGACY },
    wanted: "nft",
    found: "tools_missing: no iptables-restore (nft) here",
  },
  {
    name: "reading: where our chains are",
    machine: { "iptables-nft": NFT, "iptables-legacy": { ...LEGACY, saved: OURS } },
    purpose: "read",
    found: "legacy -legacy",
  },
  {
    name: "reading: nowhere",
    machine: { "iptables-nft": NFT, "iptables-legacy": LEGACY },
    purpose: "read",
    found: "nft -nft",
  },
];

for (const { name, machine, wanted, purpose, found } of rows) {
  test(name, async () => {
    const calls: string[] = [];
    const result = await findBackend(runner(machine, calls), wanted, purpose ?? "install");
    assert.equal(
      result.ok ? `${result.value.name} ${result.value.suffix}` : `${result.problem.code}: ${result.problem.message}`,
      found,
    );
    if (purpose === "read")
      assert.equal(
        calls.some((call) => call.includes("--noflush")),
        false,
        "reading writes nothing",
      );
  });
}
