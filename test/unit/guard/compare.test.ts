import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "../../../init-egress-guard/compare.ts";
import { plan } from "../../../init-egress-guard/plan.ts";
import { renderInstall } from "../../../init-egress-guard/render.ts";
import { parseSaved } from "../../../init-egress-guard/saved-rules.ts";

const RULE_SET = plan({ routerUid: 20_480, lastUid: 65_535, redirect: true }, "ipv6");

/** What `ip6tables-save` would print after an installation. */
const SAVED = renderInstall(RULE_SET, [])
  .replaceAll(/^-I (\S+) 1 /gm, "-A $1 ")
  .replaceAll(
    /^\*(\w+)$/gm,
    "*$1\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]",
  );

function differences(saved: string): readonly string[] {
  return compare(RULE_SET, parseSaved(saved)).map(({ place, code }) => `${place} ${code}`);
}

test("what was installed is what was planned", () => assert.deepEqual(differences(SAVED), []));

test("nothing installed: every chain and every jump is missing", () => {
  const found = differences("");
  assert.equal(found.filter((each) => each.endsWith("chain_missing")).length, 8);
  assert.equal(found.filter((each) => each.endsWith("jump_missing")).length, 7);
  assert.equal(found.length, 15);
});

test("INV-GUARD-6: any one line less, in any chain of ours, is noticed", () => {
  const lines = SAVED.split("\n");
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith("-A")) continue;
    const less = lines.filter((_, place) => place !== index).join("\n");
    assert.notDeepEqual(differences(less), [], line);
  }
});

test("INV-GUARD-6: any two neighbouring rules exchanged are noticed", () => {
  const lines = SAVED.split("\n");
  for (let index = 1; index < lines.length; index += 1) {
    const [one = "", other = ""] = [lines[index - 1], lines[index]];
    if (!one.startsWith("-A SLUICE") || one.split(" ")[1] !== other.split(" ")[1]) continue;
    assert.match(
      differences(
        lines
          .with(index - 1, other)
          .with(index, one)
          .join("\n"),
      ).join(),
      /rules_reordered/,
    );
  }
});

test("INV-GUARD-6: any one word changed, in any rule of ours, is noticed", () => {
  const lines = SAVED.split("\n");
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith("-A SLUICE")) continue;
    const words = line.split(" ");
    for (let place = 2; place < words.length; place += 1) {
      const changed = lines.with(index, words.with(place, `${words[place]}0`).join(" ")).join("\n");
      assert.notDeepEqual(differences(changed), [], `${line}: word ${place}`);
    }
  }
});

test("INV-GUARD-6: any rule more, anywhere in our chains, is noticed", () => {
  const lines = SAVED.split("\n");
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith("-A SLUICE")) continue;
    const [, chain = ""] = line.split(" ");
    const more = lines.toSpliced(index, 0, `-A ${chain} -d 2001:db8::/32 -j ACCEPT`).join("\n");
    assert.match(differences(more).join(), /rule_foreign/);
  }
});
