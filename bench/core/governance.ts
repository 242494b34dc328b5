import { epochMillis, millis, portOf } from "../../router/core/base/quantity.ts";
import type { Action, ActionContext } from "../../router/core/governance/action.ts";
import { compileGovernancePolicy } from "../../router/core/governance/compile-governance-policy.ts";
import { decide, verdictBy } from "../../router/core/governance/decide.ts";
import type {
  Condition,
  GovernancePolicyDocument,
  GovernanceRule,
  TextTest,
} from "../../router/core/governance/governance-policy.ts";
import { judgedAction } from "../../router/core/governance/judged-action.ts";
import { parseHost } from "../../router/core/wire/host.ts";

/**
 * Compile time of a GovernancePolicy and the time of one decision, by the index and, for the same rules, one by one. Run:
 * `node bench/core/governance.ts`. Prints one line of JSON and a table. Targets (issue 5): under 1 us with 100 rules, under
 * 2 us with 10,000.
 */

const NOW = epochMillis(Date.UTC(2026, 11, 1));

const tests = (given: Partial<TextTest>): TextTest => ({ in: [], glob: [], pattern: [], ...given });
const text = (fact: Extract<Condition, { kind: "text" }>["fact"], given: Partial<TextTest>): Condition => ({
  kind: "text",
  fact,
  test: tests(given),
});

/** By turns: programs listed and by glob, tools listed and by glob with a condition on arguments, names and networks; each tenth denies. */
function ruleOf(index: number): GovernanceRule {
  const common = {
    id: `rule-${index}`,
    effect: index % 10 === 9 ? ("deny" as const) : ("allow" as const),
    unless: [],
    limit: undefined,
    obligations: { redact: [], resultBytes: undefined, log: "digest" as const },
    message: undefined,
    line: index,
  };
  switch (index % 6) {
    case 0:
      return { ...common, actions: ["exec"], when: [text("program", { in: [`/usr/bin/tool-${index}`] })] };
    case 1:
      return { ...common, actions: ["exec"], when: [text("program", { glob: [`/opt/agent-${index}/bin/*`] })] };
    case 2:
      return {
        ...common,
        actions: ["tool"],
        when: [text("server", { in: [`server-${index % 50}`] }), text("tool", { in: [`tool-${index}`] })],
      };
    case 3: {
      const test = { kind: "text" as const, ...tests({ glob: ["/work/*"] }) };
      const when: readonly Condition[] = [
        text("tool", { glob: [`set-${index}-*`] }),
        { kind: "argument", at: "/path", test },
      ];
      return { ...common, actions: ["tool"], when };
    }
    case 4: {
      const patterns = [
        { kind: "exact" as const, name: `api-${index}.example.com` },
        { kind: "deep" as const, name: `zone-${index}.example.net` },
      ];
      return { ...common, actions: ["egress"], when: [{ kind: "host", patterns, ranges: [] }] };
    }
    default: {
      const ranges = [`10.${(index >> 8) & 255}.${index & 255}.0/24`];
      return { ...common, actions: ["egress"], when: [{ kind: "host", patterns: [], ranges }] };
    }
  }
}

function documentOf(rules: number): GovernancePolicyDocument {
  return {
    name: "bench",
    version: 1,
    issuedAt: epochMillis(Date.UTC(2026, 10, 1)),
    expiresAt: epochMillis(Date.UTC(2027, 1, 1)),
    audience: { namespaces: ["*"], agents: ["*"] },
    mode: "enforce",
    observeUntil: undefined,
    delegate: new Set(),
    rules: Array.from({ length: rules }, (_, index) => ruleOf(index)),
    limits: [],
    deniedTools: "remove",
    mcp: [],
    behavior: [],
    liftBefore: undefined,
    trust: { rates: { initial: 500, reward: 10, penalty: 50, perHour: 100, decay: 50 }, peers: [], graph: [] },
    requests: { pending: 0, perMinute: 1, ttl: 1, grant: 1 },
  };
}

function exec(program: string): Action {
  return { kind: "exec", program, argv: ["--all", "file"], directory: "/work" };
}

function tool(server: string, name: string): Action {
  const value = { path: "/work/notes.md", count: 7 };
  return { kind: "tool", server, tool: name, arguments: { state: "known", value }, model: undefined };
}

function egress(host: string): Action {
  const parsed = parseHost(host);
  if (!parsed.ok) throw new Error(parsed.problem);
  return { kind: "egress", host: parsed.value, port: portOf(443), protocol: "tls", method: undefined, path: undefined };
}

/** Actions spread over the whole policy, so that no cache of one answer flatters. */
function actionsOf(rules: number): Readonly<Record<string, readonly Action[]>> {
  const spread = (kind: number, of: (index: number) => Action): readonly Action[] =>
    Array.from({ length: 64 }, (_, index) => of(Math.floor((index * rules) / 64 / 6) * 6 + kind));
  return {
    program: spread(0, (index) => exec(`/usr/bin/tool-${index}`)),
    "program glob": spread(1, (index) => exec(`/opt/agent-${index}/bin/run`)),
    "program miss": spread(0, (index) => exec(`/usr/local/bin/other-${index}`)),
    "server and tool": spread(2, (index) => tool(`server-${index % 50}`, `tool-${index}`)),
    "tool glob, argument": spread(3, (index) => tool("server-1", `set-${index}-read`)),
    "tool miss": spread(2, (index) => tool("server-1", `nothing-${index}`)),
    host: spread(4, (index) => egress(`api-${index}.example.com`)),
    "host below": spread(4, (index) => egress(`a.b.zone-${index}.example.net`)),
    "host miss": spread(4, (index) => egress(`nothing-${index}.example.org`)),
    network: spread(5, (index) => egress(`10.${(index >> 8) & 255}.${index & 255}.7`)),
  };
}

const context: ActionContext = { now: NOW, labels: new Map([["team", "research"]]), scoreOf: () => undefined };

/** The median of short rounds: a neighbour on the same cores disturbs some of them, and none of them much. */
function median(rounds: number, run: () => void): number {
  const times = Array.from({ length: rounds }, () => {
    const began = performance.now();
    run();
    return performance.now() - began;
  });
  return times.toSorted((one, other) => one - other)[rounds >> 1] ?? Number.NaN;
}

const rows: { readonly rules: number; readonly compileMs: number; readonly us: Readonly<Record<string, number>> }[] =
  [];
for (const rules of [1, 10, 100, 1_000, 10_000]) {
  const document = documentOf(rules);
  const compile = () => compileGovernancePolicy(document, `sha256:${"0".repeat(64)}`, millis(0));
  const compileMs = Number(median(5, compile).toFixed(2));
  const policy = compile();
  const us: Record<string, number> = {};
  const all = actionsOf(rules);
  for (const [name, actions] of Object.entries(all)) {
    const repeats = 4;
    let allowed = 0;
    const elapsed = median(400, () => {
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        for (const action of actions) if (decide(policy, action, context).effect === "allow") allowed += 1;
      }
    });
    if (rules >= 100 && allowed > 0 === name.endsWith("miss")) throw new Error(`${name}: an unexpected verdict`);
    us[name] = Number(((elapsed * 1_000) / (repeats * actions.length)).toFixed(3));
  }
  const values = Object.values(us);
  us["average"] = Number((values.reduce((sum, time) => sum + time, 0) / values.length).toFixed(3));
  const mixed = Object.values(all).flatMap((actions) => actions.slice(0, 8));
  const naive = median(Math.max(5, Math.round(1_000 / rules)), () => {
    for (const action of mixed) verdictBy(policy, judgedAction(action, context), [policy.rulesOf(action.kind)]);
  });
  us["one by one"] = Number(((naive * 1_000) / mixed.length).toFixed(3));
  rows.push({ rules, compileMs, us });
}

console.log(JSON.stringify({ bench: "core/governance", node: process.version, rows }));
console.table(Object.fromEntries(rows.map((row) => [row.rules, { "compile ms": row.compileMs, ...row.us }])));
