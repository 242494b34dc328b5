import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { IP, PYTHON, SYSTEM_PATH } from "./system.ts";

/** A helper process in one of the two namespaces, which answers each JSON line with one. */
export class Actor {
  readonly #child: ChildProcess;
  readonly #waiting: ((line: string) => void)[] = [];
  #stderr = "";

  constructor(namespace: string, script: string, scriptArgs: readonly string[], identity: readonly string[]) {
    // The script goes as an argument: another UID may not be able to read it where it lies.
    const text = readFileSync(new URL(script, import.meta.url), "utf8");
    const command = ["netns", "exec", namespace, ...identity, PYTHON, "-I", "-c", text, ...scriptArgs];
    this.#child = spawn(IP, command, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: SYSTEM_PATH, LC_ALL: "C" },
      cwd: "/",
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("no standard output");
    createInterface({ input: stdout }).on("line", (line) => this.#waiting.shift()?.(line));
    this.#child.on("close", () => {
      for (const resolve of this.#waiting.splice(0)) resolve(JSON.stringify({ failed: `ended: ${this.#stderr}` }));
    });
  }

  async ask(command: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const answer = Promise.withResolvers<string>();
    this.#waiting.push(answer.resolve);
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    const parsed = JSON.parse(await answer.promise) as Record<string, unknown>;
    if ("failed" in parsed) throw new Error(`${String(command["do"])}: ${String(parsed["failed"])}`);
    return parsed;
  }

  async end(): Promise<void> {
    const ended = Promise.withResolvers<void>();
    this.#child.on("close", () => ended.resolve());
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) ended.resolve();
    this.#child.stdin?.end();
    this.#child.kill("SIGKILL");
    await ended.promise;
  }
}

/** As this UID, without any capability, as a container that drops ALL has it. */
export function unprivileged(uid: number, keep: readonly string[] = []): readonly string[] {
  const bounding = ["-all", ...keep.map((name) => `+${name}`)].join(",");
  return [
    "setpriv",
    "--reuid",
    `${uid}`,
    "--regid",
    `${uid}`,
    "--clear-groups",
    `--bounding-set=${bounding}`,
    "--inh-caps=-all",
    "--no-new-privs",
  ];
}
