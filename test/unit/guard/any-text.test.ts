import { test } from "node:test";
import * as fc from "fast-check";
import { compare } from "../../../init-egress-guard/compare.ts";
import { plan } from "../../../init-egress-guard/plan.ts";
import { renderInstall } from "../../../init-egress-guard/render.ts";
import { normalRule, parseSaved } from "../../../init-egress-guard/saved-rules.ts";
import { lastMappedUid } from "../../../init-egress-guard/uid-map.ts";
import { readProof } from "../../../router/core/guard/proof.ts";

const RULE_SET = plan({ routerUid: 20_480, lastUid: 65_535, redirect: true }, "ipv4");

/** Lines as iptables-save could print them, and as nobody would. */
const saved = fc
  .array(
    fc.oneof(
      fc.constantFrom("*filter", "*nat", ":OUTPUT ACCEPT [0:0]", ":SLUICE-OUTPUT - [0:0]", ":", "*", "-A ", "COMMIT"),
      fc.constantFrom(
        "-A OUTPUT -j SLUICE-OUTPUT",
        "-A SLUICE-OUTPUT -j ACCEPT",
        '-A OUTPUT -m comment --comment "',
        "-A OUTPUT !",
      ),
      fc.string(),
    ),
  )
  .map((lines) => lines.join("\n"));

test("whatever the kernel is said to hold is compared, and never taken for the plan", () => {
  fc.assert(
    fc.property(saved, (text) => {
      renderInstall(RULE_SET, parseSaved(text));
      return compare(RULE_SET, parseSaved(text)).length > 0;
    }),
  );
});

test("the order of a rule's conditions does not matter; a normal rule is its own", () => {
  const conditions = fc.uniqueArray(
    fc.constantFrom("-o lo", "! -p tcp", "-d 10.0.0.0/8", "-m owner", "! --uid-owner 1", "-m tcp"),
  );
  fc.assert(
    fc.property(conditions, fc.integer(), (list, seed) => {
      const shuffled = list.toSorted((a, b) => ((a.length * seed) % 7) - ((b.length * seed) % 7));
      const [one, other] = [list, shuffled].map((each) => normalRule([...each, "-j DROP"].join(" ")));
      return one === other && one !== undefined && normalRule(one) === one;
    }),
  );
});

test("no text makes the readers of the UID map and of the proof throw, and no text is a proof by chance", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      lastMappedUid(text, 20_480);
      return !readProof(text, { netns: "net:[1]", bootId: "boot" }).ok;
    }),
  );
});
