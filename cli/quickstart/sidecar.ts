import { type ChildProcess, spawn } from "node:child_process";
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { program } from "./program-files.ts";
import { type Signer, writeTrust } from "./signer.ts";
import { SYSTEM_ENVIRONMENT } from "./system-tools.ts";

export interface SidecarOptions {
  /** Made here, for everything the process reads and writes, in a directory whose name is this run's alone. */
  readonly directory: string;
  readonly signer: Signer;
  readonly policy: string;
  /** An InferencePolicy, and the files of its providers' keys by name; left out: no model is served. */
  readonly models?: { readonly policy: string; readonly keys: Readonly<Record<string, string>> };
  /** A GovernancePolicy; left out: what the agent does is judged by the other two alone. */
  readonly actions?: string;
  /** Lines of the RouterConfig's spec: listeners, guard. */
  readonly settings: readonly string[];
  /** More settings of its audit log. */
  readonly audit?: string;
  /** The only names there are: no DNS server is asked. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Program and arguments before node, to start it as somebody else somewhere else; it owns the directory then. */
  readonly start?: { readonly command: readonly string[]; readonly uid: number };
}

/** Every pod of the tour is in it. */
export const NAMESPACE = "quickstart";
const STOP_MS = 3_000;

/** `sluice run` as a process of its own. */
export class Sidecar implements AsyncDisposable {
  readonly directory: string;
  readonly audit: string;
  /** Its standard output and error. */
  readonly log: string;
  /** The policy that was last installed. */
  readonly policy: string;
  /** The same of the models. */
  readonly modelsPolicy: string;
  /** The same of the agent's actions. */
  readonly actionsPolicy: string;
  /** A directory: what is put there an operator has allowed. */
  readonly approvals: string;
  /** The pod's name, this run's alone. */
  readonly pod: string;
  /** Resolves when the process has ended, however it did. */
  readonly ended: Promise<void>;
  readonly #signer: Signer;
  readonly #child: ChildProcess;

  constructor(options: SidecarOptions) {
    this.directory = options.directory;
    this.pod = basename(dirname(options.directory));
    this.#signer = options.signer;
    const at = (name: string): string => join(this.directory, name);
    this.audit = at("audit");
    this.log = at("sidecar.log");
    this.policy = at("policy/egress.yaml");
    this.modelsPolicy = at("policy/inference.yaml");
    this.actionsPolicy = at("policy/governance.yaml");
    this.approvals = at("approvals");
    for (const name of [".", "policy", "state", "audit", "approvals"]) mkdirSync(at(name));
    mkdirSync(at("secrets"), { mode: 0o700 });
    writeTrust(at("trust"), options.signer);
    this.publish(options.policy);
    const { models, actions } = options;
    if (models !== undefined) this.publishModels(models.policy);
    if (actions !== undefined) this.publishActions(actions);
    for (const [name, key] of Object.entries(models?.keys ?? {})) {
      writeFileSync(join(at("secrets"), name), key, { mode: 0o600 });
    }
    writeFileSync(at("router.yaml"), configOf(this.pod, options));
    const { command = [], uid } = options.start ?? {};
    if (uid !== undefined) for (const name of [".", "state", "audit", "secrets"]) chownSync(at(name), uid, uid);

    const [file, ...args] = [...command, process.execPath, program("sluice"), "run", "--config", at("router.yaml")];
    const log = openSync(this.log, "w");
    // Not in the terminal's process group: a Ctrl-C is ours to hear, and the child's end ours to order.
    this.#child = spawn(file, args, {
      cwd: "/",
      env: SYSTEM_ENVIRONMENT,
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    const ended = Promise.withResolvers<void>();
    this.#child.on("error", () => ended.resolve());
    this.#child.on("exit", () => ended.resolve());
    this.ended = ended.promise;
  }

  /** False from its end on. */
  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it has written to its log. */
  get lastWords(): string {
    return readFileSync(this.log, "utf8").slice(-2_000);
  }

  /** Installs a document with the bundle given, or with one signed now; the bundle first, each in one step. */
  publish(policy: string, bundle = this.#signer.sign(policy)): void {
    install(this.policy, policy, bundle);
  }

  publishModels(policy: string): void {
    install(this.modelsPolicy, policy, this.#signer.sign(policy));
  }

  publishActions(policy: string): void {
    install(this.actionsPolicy, policy, this.#signer.sign(policy));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

function install(file: string, policy: string, bundle: string): void {
  for (const [path, text] of [
    [`${file}.sigstore.json`, bundle],
    [file, policy],
  ] as const) {
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  }
}

function configOf(pod: string, { directory, settings, audit = "", hosts }: SidecarOptions): string {
  return [
    "apiVersion: sluice.dev/v1alpha1",
    "kind: RouterConfig",
    "spec:",
    `  identity: { namespace: ${NAMESPACE}, pod: ${pod}, agent: tour }`,
    ...["policy", "trust", "state"].map((name) => `  ${name}: { directory: ${JSON.stringify(join(directory, name))} }`),
    `  audit: { directory: ${JSON.stringify(join(directory, "audit"))}${audit === "" ? "" : `, ${audit}`} }`,
    `  governance: { approvals: ${JSON.stringify(join(directory, "approvals"))} }`,
    `  inference: { secrets: ${JSON.stringify(join(directory, "secrets"))} }`,
    ...settings.map((line) => `  ${line}`),
    "  network: { nat64: { discover: false } }",
    "  limits: { drain: 0s }",
    "  resolver:",
    '    servers: ["127.0.0.1:9"] # nobody: every name is pinned',
    "    timeout: 1s",
    "    hosts:",
    ...Object.entries(hosts).map(([name, address]) => `      ${name}: ["${address}"]`),
    "",
  ].join("\n");
}
