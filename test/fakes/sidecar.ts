import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PORTS } from "../../init-egress-guard/settings.ts";
import { freePort } from "./ports.ts";
import { type TestSigner, testSigner, writeSigned, writeTrust } from "./signing.ts";

const root = join(import.meta.dirname, "../..");

export interface SidecarOptions {
  /** YAML lines of `allow`, each rule a flow map. */
  readonly allow: readonly string[];
  readonly deny?: readonly string[];
  /** Further keys of the RouterConfig's spec, as YAML lines. */
  readonly settings?: readonly string[];
  /** Further members of the `audit` settings, as of a YAML flow map. */
  readonly audit?: readonly string[];
  /** Lines of an InferencePolicy's spec from `providers:` on, without their first indent; see `inferencePolicy`. */
  readonly models?: readonly string[];
  /** Lines of a GovernancePolicy's spec behind its audience. */
  readonly governance?: readonly string[];
  /** Further members of the `inference` settings, as of a YAML flow map. */
  readonly inference?: readonly string[];
  /** Files of the secrets directory. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  readonly directory?: string;
  /** In a directory that an earlier one has used, with its policies as they stand. */
  readonly again?: boolean;
  readonly signer?: TestSigner;
  /** Program and arguments that come before node, e.g. `ip netns exec`. */
  readonly wrap?: readonly string[];
  /** Further flags of node. */
  readonly nodeFlags?: readonly string[];
  readonly uid?: number;
  /** From dist/, as the image runs it, instead of from source. */
  readonly built?: boolean;
  /** On the ports of contract.md: in a network namespace of its own. */
  readonly contractPorts?: boolean;
  /** Asks the URL of /readyz from where it can be reached; its status. */
  readonly ask?: (url: string) => Promise<number>;
  /** Milliseconds after which it counts as not becoming ready. */
  readonly readyWithin?: number;
}

/** The real process, from source, with a signed policy in directories of its own. */
export interface Sidecar extends AsyncDisposable {
  readonly directory: string;
  readonly port: number;
  /** Of the agent API. */
  readonly agentPort: number;
  readonly adminPort: number;
  /** Of what is redirected: 443, 80 and 53. */
  readonly tlsPort: number;
  readonly httpPort: number;
  readonly dnsPort: number;
  readonly child: ChildProcess;
  readonly signer: TestSigner;
  /** From spawn to the first 200 of /readyz. */
  readonly readyMillis: number;
  readonly auditDirectory: string;
  readonly policyDirectory: string;
  /** Everything it has written to standard output and error so far. */
  output(): string;
  /** Signs and installs the next version. */
  publish(allow: readonly string[], deny?: readonly string[]): void;
  /** The same for the inference policy. */
  publishModels(models: readonly string[]): void;
  /** The same for the governance policy. */
  publishGovernance(lines: readonly string[]): void;
  exited(): Promise<number | null>;
}

export function egressPolicy(version: number, allow: readonly string[], deny: readonly string[] = []): string {
  const day = 24 * 60 * 60 * 1000;
  const at = (offset: number): string => new Date(Date.now() + offset).toISOString();
  return [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: EgressPolicy",
    "metadata: { name: test }",
    "spec:",
    `  version: ${version}`,
    `  issuedAt: "${at(-60_000)}"`,
    `  expiresAt: "${at(day)}"`,
    '  audience: { namespaces: [test], agents: ["*"] }',
    "  mode: enforce",
    ...(allow.length === 0 ? ["  allow: []"] : ["  allow:", ...allow.map((rule) => `    - ${rule}`)]),
    ...(deny.length === 0 ? [] : ["  deny:", ...deny.map((rule) => `    - ${rule}`)]),
    "",
  ].join("\n");
}

/** `lines` from `providers:` on. */
export function inferencePolicy(version: number, lines: readonly string[]): string {
  return policyOf("InferencePolicy", "test-models", version, lines);
}

/** `lines` behind the audience. */
export function governancePolicy(version: number, lines: readonly string[]): string {
  return policyOf("GovernancePolicy", "test-governance", version, lines);
}

function policyOf(kind: string, name: string, version: number, lines: readonly string[]): string {
  const at = (offset: number): string => new Date(Date.now() + offset).toISOString();
  return [
    "apiVersion: sluice.dev/v1alpha1",
    `kind: ${kind}`,
    `metadata: { name: ${name} }`,
    "spec:",
    `  version: ${version}`,
    `  issuedAt: "${at(-60_000)}"`,
    `  expiresAt: "${at(24 * 60 * 60 * 1000)}"`,
    '  audience: { namespaces: [test], agents: ["*"] }',
    ...lines.map((line) => `  ${line}`),
    "",
  ].join("\n");
}

export async function startSidecar(options: SidecarOptions): Promise<Sidecar> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // A port that was free a moment ago is another process's now.
      if (attempt === 3 || !String(error).includes("EADDRINUSE")) throw error;
    }
  }
}

async function startOnce(options: SidecarOptions): Promise<Sidecar> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "sluice-test-"));
  const portOf = async (known: number): Promise<number> => (options.contractPorts === true ? known : freePort());
  const port = await portOf(PORTS.forward);
  const agentPort = await portOf(PORTS.agentApi);
  const adminPort = await portOf(PORTS.admin);
  const tlsPort = await portOf(PORTS.tls);
  const httpPort = await portOf(PORTS.http);
  const dnsPort = await portOf(PORTS.dns);
  const signer = options.signer ?? testSigner();
  const path = (name: string): string => join(directory, name);
  for (const name of ["state", "audit", "secrets"]) mkdirSync(path(name), { recursive: true });
  if (options.again !== true) writeTrust(path("trust"), signer);
  let version = 1;
  const fresh = options.again !== true;
  if (fresh) writeSigned(path("policy"), "egress.yaml", egressPolicy(version, options.allow, options.deny), signer);
  let modelsVersion = 1;
  if (fresh && options.models !== undefined) {
    writeSigned(path("policy"), "models.yaml", inferencePolicy(modelsVersion, options.models), signer);
  }
  let governanceVersion = 1;
  if (fresh && options.governance !== undefined) {
    const text = governancePolicy(governanceVersion, options.governance);
    writeSigned(path("policy"), "governance.yaml", text, signer);
  }
  for (const [name, text] of Object.entries(options.secrets ?? {})) writeFileSync(join(path("secrets"), name), text);
  const hosts = Object.entries(options.hosts ?? {}).map(
    ([name, addresses]) => `      ${name}: ${JSON.stringify(addresses)}`,
  );
  writeFileSync(
    path("router.yaml"),
    [
      "apiVersion: sluice.dev/v1alpha1",
      "kind: RouterConfig",
      "spec:",
      "  identity: { namespace: test, pod: pod-1, agent: agent-1 }",
      `  listeners: { forward: { addresses: ["127.0.0.1", "::1"], port: ${port} }, agent: { addresses: ["127.0.0.1"], port: ${agentPort} }, admin: { addresses: ["127.0.0.1"], port: ${adminPort} }, tls: { port: ${tlsPort} }, http: { port: ${httpPort} }, dns: { port: ${dnsPort} } }`,
      `  policy: { directory: ${path("policy")} }`,
      `  trust: { directory: ${path("trust")} }`,
      `  state: { directory: ${path("state")} }`,
      `  audit: { ${[`directory: ${path("audit")}`, ...(options.audit ?? [])].join(", ")} }`,
      `  inference: { ${[`secrets: ${path("secrets")}`, ...(options.inference ?? [])].join(", ")} }`,
      "  network: { nat64: { discover: false } }",
      "  guard: { expected: false }",
      ...(hosts.length === 0 ? [] : ["  resolver:", '    servers: ["127.0.0.1:9"]', "    hosts:", ...hosts]),
      ...(options.settings ?? []).map((line) => `  ${line}`),
      "",
    ].join("\n"),
  );
  const start = startLine();
  const began = performance.now();
  const [program = process.execPath, ...before] = [...(options.wrap ?? []), process.execPath];
  const child = spawn(
    program,
    [
      ...before,
      ...start.flags,
      ...(options.nodeFlags ?? []),
      join(root, options.built === true ? "dist/cli/sluice.js" : "cli/sluice.ts"),
      "run",
      "--config",
      path("router.yaml"),
    ],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...start.variables },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    },
  );
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const exit = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const ask = options.ask ?? (async (url) => (await fetch(url)).status);
  const readyAt = await untilReady(
    () => ask(`http://127.0.0.1:${adminPort}/readyz`),
    child,
    began + (options.readyWithin ?? 15_000),
  );
  if (readyAt === undefined) {
    child.kill("SIGKILL");
    throw new Error(`the sidecar did not become ready:\n${text}`);
  }
  return {
    directory,
    port,
    agentPort,
    adminPort,
    tlsPort,
    httpPort,
    dnsPort,
    child,
    signer,
    readyMillis: readyAt - began,
    auditDirectory: path("audit"),
    policyDirectory: path("policy"),
    output: () => text,
    publish(allow, deny) {
      version += 1;
      writeSigned(path("policy"), "egress.yaml", egressPolicy(version, allow, deny), signer);
    },
    publishModels(models) {
      modelsVersion += 1;
      writeSigned(path("policy"), "models.yaml", inferencePolicy(modelsVersion, models), signer);
    },
    publishGovernance(lines) {
      governanceVersion += 1;
      writeSigned(path("policy"), "governance.yaml", governancePolicy(governanceVersion, lines), signer);
    },
    exited: () => exit,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await exit;
      clearTimeout(timer);
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function untilReady(
  ask: () => Promise<number>,
  child: ChildProcess,
  deadline: number,
): Promise<number | undefined> {
  while (performance.now() < deadline && child.exitCode === null) {
    try {
      if ((await ask()) === 200) return performance.now();
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return undefined;
}

/** What the program's first line gives node: flags and variables. */
function startLine(): { readonly flags: readonly string[]; readonly variables: Readonly<Record<string, string>> } {
  const [firstLine = ""] = readFileSync(join(root, "cli/sluice.ts"), "utf8").split("\n");
  const words = firstLine.split(" ");
  const variables = words.flatMap((word) => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(word) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return { flags: words.filter((word) => word.startsWith("--")), variables: Object.fromEntries(variables) };
}
