import { createInterface } from "node:readline";
import { epochMillis } from "../../router/core/base/quantity.ts";
import { attest } from "../attest.ts";
import { auditProve } from "../audit-prove.ts";
import { auditVerify } from "../audit-verify.ts";
import type { CliIo } from "../cli-io.ts";
import { status } from "../status.ts";

/**
 * Whoever audits, a process of its own, away from sidecar and agent: it runs the verbs that a person would type. One
 * process for all of them, since to start one each would take longer than the rest of the tour. Each line of its input
 * is an `AuditorAsk`, each line of its output the `AuditorAnswer`.
 */
export interface AuditorAsk {
  readonly verb: keyof typeof VERBS;
  /** Paths in it are absolute. */
  readonly argv: readonly string[];
}

export interface AuditorAnswer {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Verb = (argv: readonly string[], io: CliIo) => Promise<number>;

const VERBS = { "audit verify": auditVerify, "audit prove": auditProve, attest, status } as const satisfies Record<
  string,
  Verb
>;

async function run({ verb, argv }: AuditorAsk): Promise<AuditorAnswer> {
  const said = { stdout: "", stderr: "" };
  const perform: Verb = VERBS[verb];
  const exit = await perform(argv, {
    stdout: (text) => void (said.stdout += text),
    stderr: (text) => void (said.stderr += text),
    cwd: process.cwd(),
    now: () => epochMillis(Date.now()),
  });
  return { exit, ...said };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as AuditorAsk))}\n`);
}
