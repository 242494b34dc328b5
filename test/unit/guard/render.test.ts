import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { command } from "../../../init-egress-guard/backend.ts";
import { plan } from "../../../init-egress-guard/plan.ts";
import { renderClosed, renderInstall, renderPrint, renderRemove } from "../../../init-egress-guard/render.ts";
import type { RuleSet } from "../../../init-egress-guard/rule-set.ts";
import { parseSaved } from "../../../init-egress-guard/saved-rules.ts";
import type { GuardSettings } from "../../../init-egress-guard/settings.ts";

const SETTINGS: GuardSettings = { routerUid: 20_480, lastUid: 4_294_967_294, redirect: true };

// After a change that is meant: sluice guard print --family F --backend B > test/golden/guard/F-B.txt
for (const family of ["ipv4", "ipv6"] as const) {
  for (const backend of ["nft", "legacy"] as const) {
    test(`golden: ${family}, ${backend}`, () => {
      const restore = command({ name: backend, suffix: `-${backend}` }, family, "restore");
      const golden = readFileSync(new URL(`../../golden/guard/${family}-${backend}.txt`, import.meta.url), "utf8");
      assert.equal(renderPrint(plan(SETTINGS, family), restore), golden);
    });
  }

  test(`what ${family} prints is what it installs where nothing is there yet, comments apart`, () => {
    const printed = renderPrint(plan(SETTINGS, family), "x");
    const bare = printed.split("\n").filter((line) => !line.startsWith("#"));
    assert.equal(bare.join("\n"), renderInstall(plan(SETTINGS, family), []).replaceAll(/COMMIT\n(?=\*)/g, "COMMIT\n"));
  });
}

const SMALL: RuleSet = {
  family: "ipv4",
  tables: [
    {
      table: "filter",
      chains: [
        { name: "SLUICE-A", hook: "OUTPUT", rules: [{ id: "one", reason: "", match: "-p tcp", verdict: "DROP" }] },
        { name: "SLUICE-B", hook: undefined, rules: [{ id: "two", reason: "", match: "", verdict: "ACCEPT" }] },
      ],
    },
  ],
};

test("an installation replaces our chains and jumps, and touches nobody else's", () => {
  const saved = parseSaved(
    [
      "*filter",
      ":INPUT ACCEPT [0:0]",
      ":OUTPUT DROP [7:420]",
      ":OTHERS - [0:0]",
      ":SLUICE-A - [0:0]",
      ":SLUICE-CLOSED - [0:0]",
      '-A OUTPUT -m comment --comment "not -j SLUICE-A" -j OTHERS',
      "-A OUTPUT -j SLUICE-CLOSED",
      "-A OUTPUT -j SLUICE-A",
      "-A INPUT -p udp -g SLUICE-A",
      "-A SLUICE-A -j SLUICE-CLOSED",
      "COMMIT",
      "*nat",
      ":OUTPUT ACCEPT [0:0]",
      ":SLUICE-OUTPUT - [0:0]",
      "-A OUTPUT -j SLUICE-OUTPUT",
      "-A OUTPUT -j OTHERS",
      "COMMIT",
    ].join("\n"),
  );
  assert.equal(
    renderInstall(SMALL, saved),
    [
      "*filter",
      ":SLUICE-A - [0:0]",
      ":SLUICE-B - [0:0]",
      ":SLUICE-CLOSED - [0:0]",
      "-A SLUICE-A -p tcp -j DROP",
      "-A SLUICE-B -j ACCEPT",
      "-D INPUT -p udp -g SLUICE-A",
      "-D OUTPUT -j SLUICE-CLOSED",
      "-D OUTPUT -j SLUICE-A",
      "-I OUTPUT 1 -j SLUICE-A",
      "-X SLUICE-CLOSED",
      "COMMIT",
      "*nat",
      ":SLUICE-OUTPUT - [0:0]",
      "-D OUTPUT -j SLUICE-OUTPUT",
      "-X SLUICE-OUTPUT",
      "COMMIT",
      "",
    ].join("\n"),
  );
});

test("where nothing is ours, nothing is removed", () => {
  assert.equal(renderRemove(parseSaved("*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\nCOMMIT\n")), "");
});

test("the last resort needs no match and no target that a kernel could lack", () => {
  assert.equal(/ -m |REJECT|CT|owner/.test(renderClosed()), false);
});
