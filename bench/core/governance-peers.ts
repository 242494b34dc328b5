import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { millis } from "../../router/core/base/quantity.ts";
import type { Action } from "../../router/core/governance/action.ts";
import { compileGovernancePolicy } from "../../router/core/governance/compile-governance-policy.ts";
import { decide } from "../../router/core/governance/decide.ts";
import { parseGovernancePolicy } from "../../router/core/governance/parse-governance-policy.ts";

/**
 * One decision by the same rules in Sluice, in AGT's TypeScript SDK, in CEL, in Rego as WebAssembly and in Cedar as
 * WebAssembly, in one process and one run. Run: `node bench/core/governance-peers.ts [--short]`. The peers are pinned under
 * `peers/governance` and installed into `.cache/bench/governance`; what cannot be had is left out, and a line says so.
 *
 * A rule is what all five can say: a helper of this name, at most three deep, is allowed; each tenth is denied. Every engine must
 * come to the verdict that the rules were made for before it is timed. AGT and CEL go through a list; Sluice looks the name up.
 */

const short = process.argv.includes("--short");
const pinned = join(import.meta.dirname, "peers/governance");
const place = join(import.meta.dirname, "../../.cache/bench/governance");
const MILLIS = short ? 60 : 400;
const COUNTS = [1, 10, 100, 10_000];

interface Asked {
  readonly helper: string;
  readonly depth: number;
  readonly allowed: boolean;
}

/** Answers whether it is allowed. */
type Engine = (asked: Asked) => boolean;

interface Peer {
  readonly name: string;
  /** Throws where it cannot be had. */
  make(rules: number): Promise<Engine> | Engine;
}

const nameOf = (index: number): string => `helper-${index}`;
const isDenied = (index: number): boolean => index % 10 === 9;
const indexes = (rules: number): readonly number[] => Array.from({ length: rules }, (_, index) => index);

/** Spread over all rules, every eighth too deep and every ninth unknown; the last rule is among them. */
function askedOf(rules: number): readonly Asked[] {
  return indexes(64).map((at) => {
    const index = at === 63 ? rules - 1 : Math.floor((at * rules) / 64);
    const [helper, depth] = at % 9 === 8 ? [`stranger-${index}`, 1] : [nameOf(index), at % 8 === 7 ? 4 : 2];
    return { helper, depth, allowed: at % 9 !== 8 && depth <= 3 && !isDenied(index) };
  });
}

const sluice: Peer = {
  name: "Sluice",
  make(rules) {
    const lines = indexes(rules).map(
      (index) =>
        `    - { id: r${index}, effect: ${isDenied(index) ? "deny" : "allow"}, actions: [spawn], when: { agent: { in: [${nameOf(index)}] }, depth: { to: 3 } } }`,
    );
    const parsed = parseGovernancePolicy(
      "bench.yaml",
      [
        "apiVersion: sluice.dev/v1alpha1",
        "kind: GovernancePolicy",
        "metadata: { name: bench }",
        'spec:\n  version: 1\n  issuedAt: "2026-11-01T00:00:00Z"\n  expiresAt: "2027-02-01T00:00:00Z"',
        '  audience: { namespaces: ["*"], agents: ["*"] }\n  rules:',
        ...lines,
        "",
      ].join("\n"),
    );
    if (!parsed.ok) throw new Error(parsed.problem[0]?.message);
    const policy = compileGovernancePolicy(parsed.value, `sha256:${"0".repeat(64)}`, millis(0));
    const context = { now: Date.UTC(2026, 11, 1), labels: undefined, scoreOf: () => undefined };
    return ({ helper, depth }) => {
      const action: Action = { kind: "spawn", agent: helper, image: undefined, depth };
      return decide(policy, action, context).effect === "allow";
    };
  },
};

const load = createRequire(join(place, "package.json"));

const agt: Peer = {
  name: "AGT SDK",
  make(rules) {
    const { PolicyEngine } = load("@microsoft/agent-governance-sdk") as {
      PolicyEngine: new (
        rules: readonly unknown[],
        strategy: string,
      ) => {
        loadPolicy(policy: unknown): void;
        evaluatePolicy(agent: string, context: unknown): { readonly allowed: boolean };
      };
    };
    const engine = new PolicyEngine([], "deny_overrides");
    engine.loadPolicy({
      apiVersion: "governance.toolkit/v1",
      name: "bench",
      scope: "global",
      default_action: "deny",
      rules: indexes(rules).map((index) => ({
        name: `r${index}`,
        condition: `helper == '${nameOf(index)}' and depth <= 3`,
        ruleAction: isDenied(index) ? "deny" : "allow",
        priority: 0,
        enabled: true,
      })),
    });
    return ({ helper, depth }) => engine.evaluatePolicy("did:bench", { helper, depth }).allowed;
  },
};

const cel: Peer = {
  name: "cel-js",
  async make(rules) {
    const { Environment } = (await import(pathToFileURL(load.resolve("@marcbachmann/cel-js")).href)) as {
      Environment: new () => CelEnvironment;
    };
    const environment = new Environment().registerVariable("helper", "string").registerVariable("depth", "double");
    const compiled = indexes(rules).map((index) => ({
      denied: isDenied(index),
      test: environment.parse(`helper == "${nameOf(index)}" && depth <= 3.0`),
    }));
    const denying = compiled.filter(({ denied }) => denied);
    const allowing = compiled.filter(({ denied }) => !denied);
    return ({ helper, depth }) => {
      const context = { helper, depth };
      return !denying.some(({ test }) => test(context) === true) && allowing.some(({ test }) => test(context) === true);
    };
  },
};

interface CelEnvironment {
  registerVariable(name: string, type: string): CelEnvironment;
  parse(expression: string): (context: unknown) => unknown;
}

const opa: Peer = {
  name: "opa-wasm",
  async make(rules) {
    const compiler = join(place, "opa-compile");
    if (!existsSync(compiler)) throw new Error("it needs Go, by whose modules its compiler is built");
    const lines = indexes(rules).map(
      (index) =>
        `${isDenied(index) ? "denied" : "allowed"} if { input.helper == "${nameOf(index)}"; input.depth <= 3 }`,
    );
    const rego = join(place, `rules-${rules}.rego`);
    const decision = "default decision := false\ndecision if { allowed; not denied }\ndefault denied := false\n";
    writeFileSync(rego, `package bench\n\n${decision}${lines.join("\n")}\n`);
    const built = spawnSync(compiler, [rego, "bench/decision"], { maxBuffer: 1 << 28, timeout: 60_000 });
    if (built.status !== 0) throw new Error(`not compiled within a minute: ${built.stderr.toString().slice(0, 200)}`);
    const { loadPolicy } = load("@open-policy-agent/opa-wasm") as {
      loadPolicy(
        wasm: Uint8Array,
        memory: unknown,
      ): Promise<{
        setData(data: unknown): void;
        evaluate(input: unknown): readonly { readonly result: unknown }[];
      }>;
    };
    const policy = await loadPolicy(built.stdout, { initial: 256, maximum: 4_096 });
    policy.setData({});
    return ({ helper, depth }) => policy.evaluate({ helper, depth })[0]?.result === true;
  },
};

const cedar: Peer = {
  name: "cedar-wasm",
  make(rules) {
    const wasm = load("@cedar-policy/cedar-wasm/nodejs") as {
      preparsePolicySet(id: string, policies: unknown): { readonly type: string };
      statefulIsAuthorized(call: unknown): { readonly type: string; readonly response?: { readonly decision: string } };
    };
    const staticPolicies = indexes(rules)
      .map(
        (index) =>
          `${isDenied(index) ? "forbid" : "permit"}(principal, action == Action::"spawn", resource == Helper::"${nameOf(index)}") when { context.depth <= 3 };`,
      )
      .join("\n");
    const id = `rules-${rules}`;
    const parsed = wasm.preparsePolicySet(id, { staticPolicies });
    if (parsed.type !== "success") throw new Error("its rules were not parsed");
    return ({ helper, depth }) => {
      const answer = wasm.statefulIsAuthorized({
        principal: { type: "Agent", id: "bench" },
        action: { type: "Action", id: "spawn" },
        resource: { type: "Helper", id: helper },
        context: { depth },
        preparsedPolicySetId: id,
        entities: [],
      });
      return answer.response?.decision === "allow";
    };
  },
};

/** Installs what is pinned, unless it is there. A sentence for each part that cannot be had. */
function install(): readonly string[] {
  const missing: string[] = [];
  const lock = readFileSync(join(pinned, "package-lock.json"), "utf8");
  const stamp = join(place, "installed.json");
  mkdirSync(place, { recursive: true });
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
    for (const file of ["package.json", "package-lock.json", ".npmrc"])
      copyFileSync(join(pinned, file), join(place, file));
    const options: SpawnSyncOptions = { cwd: place, stdio: ["ignore", "ignore", "inherit"], timeout: 120_000 };
    const { status } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], options);
    if (status === 0) writeFileSync(stamp, lock);
    else missing.push("npm ci could not install the peers");
  }
  // A compiler of Rego to WebAssembly: built once, in a minute or two.
  if (!existsSync(join(place, "opa-compile"))) {
    const output = join(place, "opa-compile");
    const { status } = spawnSync("go", ["build", "-mod=readonly", "-o", output, "."], {
      cwd: join(pinned, "opa"),
      stdio: "ignore",
      timeout: 600_000,
    });
    if (status !== 0) missing.push("go could not build opa's compiler");
  }
  return missing;
}

/** Microseconds a decision: the median of rounds over all that is asked. */
function timed(engine: Engine, asked: readonly Asked[]): number {
  const warm = performance.now() + MILLIS / 2;
  while (performance.now() < warm) for (const one of asked) engine(one);
  const times: number[] = [];
  const until = performance.now() + MILLIS;
  do {
    const began = performance.now();
    for (const one of asked) engine(one);
    times.push(((performance.now() - began) * 1_000) / asked.length);
  } while (performance.now() < until);
  return times.toSorted((one, other) => one - other)[times.length >> 1] ?? Number.NaN;
}

for (const line of install()) console.log(`governance-peers: ${line}`);
const rows: Record<string, Record<string, string>> = {};
const figures: { readonly name: string; readonly rules: number; readonly us: number | undefined }[] = [];
for (const peer of [sluice, agt, cel, opa, cedar]) {
  const row: Record<string, string> = {};
  for (const rules of COUNTS) {
    let us: number | undefined;
    try {
      const engine = await peer.make(rules);
      const asked = askedOf(rules);
      const wrong = asked.find((one) => engine(one) !== one.allowed);
      if (wrong !== undefined) throw new Error(`another verdict on ${JSON.stringify(wrong)}`);
      us = Number(timed(engine, asked).toPrecision(3));
    } catch (error) {
      if (peer === sluice) throw error;
      const why = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
      console.log(`governance-peers: ${peer.name} with ${rules} rules left out: ${why}`);
    }
    figures.push({ name: peer.name, rules, us });
    row[`${rules} rules`] = us === undefined ? "-" : String(us);
  }
  rows[peer.name] = row;
}
console.log(JSON.stringify({ bench: "core/governance-peers", unit: "us a decision", node: process.version, figures }));
console.table(rows);
