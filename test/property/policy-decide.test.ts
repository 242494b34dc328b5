import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decide } from "../../router/core/policy/decide.ts";
import type { EgressRequest } from "../../router/core/policy/egress-request.ts";
import type { Host } from "../../router/core/wire/host.ts";
import { parseHost } from "../../router/core/wire/host.ts";
import { compiled, NOON, type PolicyText, port, request, type RuleText } from "../unit/core/policy/policy-fixture.ts";

const runs = { numRuns: Number(process.env["SLUICE_TEST_RUNS"] ?? 500) };

/** Few labels, ports, methods and paths, so that random rules and random requests meet. */
const label = fc.constantFrom("a", "b", "c");
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const hostText = fc.tuple(fc.constantFrom("", "", "*.", "**."), name).map(([star, rest]) => star + rest);
const address = fc.constantFrom("10.0.0.1", "8.8.8.8", "[fd00::1]");
const portNumber = fc.constantFrom(80, 443, 8080);
const addressAndPort = fc.tuple(address, portNumber).map(([ip, number]) => `${ip}:${number}`);
const method = fc.constantFrom("GET", "POST");
const path = fc.constantFrom("/a", "/a/b", "/b", "/a/..", "/");
const paths = fc.uniqueArray(fc.constantFrom("/a", "/a/**", "/*", "/**"), { minLength: 1, maxLength: 2 });
const http = {
  methods: fc.option(fc.uniqueArray(method, { minLength: 1 }), { nil: undefined }),
  paths: fc.option(paths, { nil: undefined }),
};

type LooseRule = { readonly [Key in keyof Omit<RuleText, "id">]?: RuleText[Key] | undefined };
const numbered = (rules: readonly LooseRule[], prefix: string): readonly RuleText[] =>
  rules.map((rule, index) => {
    const given = Object.entries(rule).filter(([, value]) => value !== undefined);
    return { ...(Object.fromEntries(given) as LooseRule), id: `${prefix}${index}` } as RuleText;
  });

const someHosts = fc.uniqueArray(hostText, { minLength: 1, maxLength: 3 });
const allowRules = fc
  .array(
    fc.record({
      hosts: someHosts,
      addresses: fc.array(addressAndPort, { maxLength: 2 }),
      ports: fc.uniqueArray(portNumber, { minLength: 1, maxLength: 2 }),
      protocol: fc.constantFrom("tls", "tcp", "http"),
      ...http,
    }),
    { maxLength: 8 },
  )
  .map((rules) => numbered(rules as readonly LooseRule[], "allow"));
const denyRules = fc
  .array(
    fc.record({
      hosts: someHosts,
      addresses: fc.array(addressAndPort, { maxLength: 2 }),
      ports: fc.option(fc.uniqueArray(portNumber, { minLength: 1, maxLength: 2 }), { nil: undefined }),
      ...http,
    }),
    { maxLength: 3 },
  )
  .map((rules) => numbered(rules as readonly LooseRule[], "deny"));

const policy: fc.Arbitrary<PolicyText> = fc.record({
  allow: allowRules,
  deny: denyRules,
  mode: fc.constantFrom("enforce", "enforce", "learn"),
});
const target = fc.tuple(fc.oneof(name, address), portNumber).map(([host, number]) => `${host}:${number}`);
const asked = fc.oneof(
  target.map((text) => `CONNECT ${text}`),
  fc.tuple(method, target, path).map(([verb, text, where]) => `${verb} http://${text}${where}`),
);

/** The rules of egress-policy.ts and contract.md once more, as slowly and plainly as they can be said. */
function reference(policyText: PolicyText, question: EgressRequest): string {
  const allow = policyText.allow ?? [];
  const deny = policyText.deny ?? [];
  const bites = (rule: RuleText, opaque: boolean): boolean => {
    if (!names(rule, question.host)) return false;
    if (!onPort(rule, question)) return false;
    if (rule.methods === undefined && rule.paths === undefined) return true;
    if (question.via === "tunnel") return opaque;
    return (
      (rule.methods ?? [question.method]).includes(question.method) &&
      (rule.paths === undefined ||
        question.path.includes("..") ||
        rule.paths.some((glob) => under(glob, question.path)))
    );
  };
  const plain = deny.find((rule) => bites(rule, false));
  if (plain !== undefined) return `deny denied_by_rule ${plain.id}`;
  const opaque = deny.find((rule) => bites(rule, true));
  const reasons = ["path_not_allowed", "method_not_allowed", "not_tls", "port_not_allowed"];
  const near = new Map<string, string>();
  for (const rule of allow) {
    if (!names(rule, question.host)) continue;
    const stop = obstacle(rule, question);
    if (stop === undefined) {
      if (opaque === undefined || rule.protocol === "http") return `permit ${rule.id} ${rule.protocol}`;
    } else if (!near.has(stop)) {
      near.set(stop, rule.id);
    }
  }
  if (opaque !== undefined) return `deny denied_by_rule ${opaque.id}`;
  if (policyText.mode === "learn") {
    return `permit - ${question.via === "http" ? "http" : question.port === 443 ? "tls" : "tcp"}`;
  }
  const reason = reasons.find((candidate) => near.has(candidate));
  return reason === undefined ? "deny host_not_allowed -" : `deny ${reason} ${near.get(reason)}`;
}

function names(rule: RuleText, host: Host): boolean {
  if (host.kind === "address") {
    return (rule.addresses ?? []).some((entry) => entry.replace(/:[0-9]+$/, "").replace(/[[\]]/g, "") === host.text);
  }
  const labels = host.text.split(".");
  return (rule.hosts ?? []).some((text) => {
    const [star, ...rest] = text.split(".");
    if (star !== "*" && star !== "**") return text === host.text;
    const extra = labels.length - rest.length;
    return labels.slice(extra).join(".") === rest.join(".") && (star === "*" ? extra === 1 : extra >= 1);
  });
}

function onPort(rule: RuleText, question: EgressRequest): boolean {
  if (question.host.kind === "name") return rule.ports?.includes(question.port) ?? true;
  return (rule.addresses ?? []).some(
    (entry) => entry.replace(/[[\]]/g, "") === `${question.host.text}:${question.port}`,
  );
}

function obstacle(rule: RuleText, question: EgressRequest): string | undefined {
  if (!onPort(rule, question)) return "port_not_allowed";
  if (question.via === "tunnel") return undefined;
  if (rule.protocol === "tls") return "not_tls";
  if (rule.protocol === "tcp") return "method_not_allowed";
  if (rule.methods?.includes(question.method) === false) return "method_not_allowed";
  if (rule.paths === undefined) return undefined;
  const allowed = !question.path.includes("..") && rule.paths.some((glob) => under(glob, question.path));
  return allowed ? undefined : "path_not_allowed";
}

function under(glob: string, where: string): boolean {
  const table: Readonly<Record<string, RegExp>> = {
    "/a": /^\/a$/,
    "/a/**": /^\/a(\/|$)/,
    "/*": /^\/[^/]*$/,
    "/**": /^/,
  };
  return table[glob]?.test(where) ?? false;
}

function verdict(policyText: PolicyText, question: EgressRequest): string {
  const decision = decide(compiled(policyText), question, NOON);
  if (decision.effect === "deny") return `deny ${decision.reason} ${decision.rule ?? "-"}`;
  return `permit ${decision.permit.rule ?? "-"} ${decision.permit.obligations.protocol}`;
}

test("decide says what a plain reading of the rules says, for every policy and request", () => {
  fc.assert(
    fc.property(policy, asked, (policyText, text) => {
      const question = request(text);
      assert.equal(verdict(policyText, question), reference(policyText, question));
    }),
    { ...runs, numRuns: runs.numRuns * 4 },
  );
});

test("INV-POLICY-SPELLING: the decision does not depend on how a host is spelt", () => {
  const spellings = fc.tuple(name, fc.array(fc.boolean()), fc.constantFrom("", "."));
  fc.assert(
    fc.property(policy, spellings, portNumber, (policyText, [plain, upper, dot], number) => {
      const spelt = plain.replace(/./g, (letter, at: number) => (upper[at] === true ? letter.toUpperCase() : letter));
      const [one, other] = [parseHost(plain), parseHost(spelt + dot)];
      assert.ok(one.ok);
      // What the door refuses is never judged; what it lets in is the same host.
      if (!other.ok) return;
      const tunnel = (host: Host): EgressRequest => ({ via: "tunnel", host, port: port(number) });
      assert.equal(verdict(policyText, tunnel(other.value)), verdict(policyText, tunnel(one.value)));
    }),
    runs,
  );
});

/** A request that meets every term of the rule. */
function fulfilling(rule: RuleText): string {
  const [host = "x"] = rule.hosts ?? [];
  const [number = 443] = rule.ports ?? [];
  const authority = `${host.replace(/^\*+/, "x")}:${number}`;
  if (rule.protocol !== "http") return `CONNECT ${authority}`;
  const [verb = "GET"] = rule.methods ?? [];
  const [glob = "/a"] = rule.paths ?? [];
  return `${verb} http://${authority}${glob.replaceAll("*", "a")}`;
}

test("every allow rule can fire", () => {
  fc.assert(
    fc.property(allowRules, (rules) => {
      for (const rule of rules) {
        const decision = decide(compiled({ allow: [rule] }), request(fulfilling(rule)), NOON);
        assert.ok(decision.effect === "permit" && decision.permit.rule === rule.id, fulfilling(rule));
        assert.equal(decide(compiled({ allow: rules }), request(fulfilling(rule)), NOON).effect, "permit");
      }
    }),
    runs,
  );
});

test("INV-POLICY-DENY-WINS: whatever is allowed, a deny rule that matches denies", () => {
  fc.assert(
    fc.property(policy, asked, (policyText, text) => {
      const question = request(text);
      const everything: RuleText =
        question.host.kind === "name"
          ? { id: "wide", hosts: [question.host.text], ports: [question.port], protocol: "http" }
          : {
              id: "wide",
              addresses: [text.replace(/^.*?(?:CONNECT |http:\/\/)|(?<=:\d+)\/.*$/g, "")],
              protocol: "http",
            };
      const bare: RuleText = { id: "no", hosts: everything.hosts ?? [], addresses: everything.addresses ?? [] };
      const allow = [everything, ...(policyText.allow ?? [])];
      assert.equal(verdict({ ...policyText, allow, deny: [] }, question).split(" ")[0], "permit");
      assert.equal(
        verdict({ ...policyText, allow, deny: [...(policyText.deny ?? []), bare] }, question).startsWith(
          "deny denied_by_rule",
        ),
        true,
      );
    }),
    runs,
  );
});

test("INV-POLICY-MONOTONIC: taking an allow rule away, or adding a deny rule, never permits more", () => {
  fc.assert(
    fc.property(policy, asked, fc.nat(), denyRules, (policyText, text, pick, more) => {
      const allow = policyText.allow ?? [];
      const question = request(text);
      const permitted = (changed: PolicyText): boolean => verdict(changed, question).startsWith("permit");
      if (permitted(policyText)) return;
      const fewer = allow.filter((_, index) => index !== pick % Math.max(1, allow.length));
      assert.equal(permitted({ ...policyText, allow: fewer }), false);
      assert.equal(permitted({ ...policyText, deny: [...(policyText.deny ?? []), ...more] }), false);
    }),
    runs,
  );
});
