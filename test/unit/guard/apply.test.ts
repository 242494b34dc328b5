import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, readRules, remove } from "../../../init-egress-guard/apply.ts";
import type { Backend } from "../../../init-egress-guard/backend.ts";
import { plan } from "../../../init-egress-guard/plan.ts";
import { renderClosed, renderInstall } from "../../../init-egress-guard/render.ts";
import type { RunTool, ToolOutcome } from "../../../init-egress-guard/tool.ts";

const NFT: Backend = { name: "nft", suffix: "-nft" };
const SETTINGS = { routerUid: 20_480, lastUid: 65_535, redirect: true };
const BOTH = [plan(SETTINGS, "ipv6"), plan(SETTINGS, "ipv4")];
const done: ToolOutcome = { status: "exited", code: 0, stdout: "", stderr: "" };
const refused: ToolOutcome = { status: "exited", code: 1, stdout: "", stderr: "x (nf_tables):\nline 7 failed\n" };

/** Answers in turn, and fails on whatever was not expected. */
function script(...steps: readonly (readonly [program: string, answer: ToolOutcome, text?: string])[]): RunTool {
  const rest = [...steps];
  return (program, _args, stdin) => {
    const [expected, answer, text] = rest.shift() ?? ["nothing more", done];
    assert.equal(program, expected);
    if (text !== undefined) assert.equal(stdin, text);
    return Promise.resolve(answer);
  };
}

test("IPv6 first, each family in one text", async () => {
  const run = script(
    ["ip6tables-nft-save", done],
    ["ip6tables-nft-restore", done, renderInstall(plan(SETTINGS, "ipv6"), [])],
    ["iptables-nft-save", done],
    ["iptables-nft-restore", done, renderInstall(plan(SETTINGS, "ipv4"), [])],
  );
  assert.deepEqual(await apply(run, NFT, BOTH), []);
});

test("INV-GUARD-8: a filter table that was not taken is replaced by nothing at all, and the other family goes on", async () => {
  const run = script(
    ["ip6tables-nft-save", done],
    ["ip6tables-nft-restore", refused],
    ["ip6tables-nft-save", done],
    ["ip6tables-nft-restore", done, renderClosed()],
    ["iptables-nft-save", done],
    ["iptables-nft-restore", done],
  );
  assert.deepEqual(await apply(run, NFT, BOTH), [
    { family: "ipv6", message: "ip6tables-nft-restore: x (nf_tables): line 7 failed; ipv6 is closed to everybody" },
  ]);
});

test("INV-GUARD-8: what cannot even be closed says so", async () => {
  const run = script(
    ["ip6tables-nft-save", { status: "missing" }],
    ["ip6tables-nft-save", { status: "missing" }],
    ["ip6tables-nft-restore", { status: "missing" }],
  );
  assert.deepEqual(await apply(run, NFT, BOTH.slice(0, 1)), [
    { family: "ipv6", message: "ip6tables-nft-save is not here; ipv6 IS OPEN: ip6tables-nft-restore is not here" },
  ]);
});

test("removing writes nothing where nothing is ours", async () => {
  assert.deepEqual(await remove(script(["iptables-nft-save", done]), NFT, ["ipv4"]), []);
});

test("rules that cannot be read are a reason, not an empty list", async () => {
  assert.equal(
    await readRules(script(["iptables-nft-save", refused]), NFT, "ipv4"),
    "iptables-nft-save: x (nf_tables): line 7 failed",
  );
  assert.equal(
    await readRules(script(["iptables-nft-save", { status: "missing" }]), NFT, "ipv4"),
    "iptables-nft-save is not here",
  );
});
