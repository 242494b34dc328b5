import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fail, ok } from "../router/core/base/result.ts";
import type { EpochMillis } from "../router/core/base/quantity.ts";
import { parseGovernanceCases } from "../router/core/governance/governance-cases.ts";
import { actionTarget } from "../router/core/governance/action-target.ts";
import { parseCases } from "../router/core/policy/cases.ts";
import { formatHost } from "../router/core/wire/host.ts";
import { readSource, type Reading } from "./policy-file.ts";
import type { PolicySet } from "./policy-set.ts";
import type { Question } from "./recorded-question.ts";

/** A question of a case, about which everything is known. */
export interface AskedCase {
  readonly name: string;
  readonly action: string;
  readonly target: string;
  readonly question: Question;
  /** Undefined: when each policy was issued. */
  readonly at: EpochMillis | undefined;
  readonly labels: ReadonlyMap<string, string> | undefined;
  readonly scores: ReadonlyMap<string, number> | undefined;
}

const NOTHING_HIDDEN: ReadonlySet<never> = new Set();

/** The cases beside the policies of a set; a policy without any is in order. */
export async function casesBeside(cwd: string, { egress, governance }: PolicySet): Reading<readonly AskedCase[]> {
  const found: AskedCase[] = [];
  if (egress !== undefined) {
    const read = await readIfThere(cwd, casesOf(egress.file));
    const parsed = read.ok && read.value !== undefined ? parseCases(casesOf(egress.file), read.value) : undefined;
    if (!read.ok || parsed?.ok === false) return read.ok ? fail(parsed?.ok === false ? parsed.problem : []) : read;
    for (const { name, request, resolve: resolved, at } of parsed?.value ?? []) {
      const { host, port, via } = request;
      const addresses = host.kind === "address" ? [host.text] : resolved;
      found.push({
        name,
        action: via === "http" ? `http.${request.method}` : "connect",
        target: `${formatHost(host)}:${port}${via === "http" ? request.path : ""}`,
        question: { about: "egress", request, addresses, hidden: NOTHING_HIDDEN },
        at,
        labels: undefined,
        scores: undefined,
      });
    }
  }
  if (governance !== undefined) {
    const read = await readIfThere(cwd, casesOf(governance.file));
    const parsed =
      read.ok && read.value !== undefined ? parseGovernanceCases(casesOf(governance.file), read.value) : undefined;
    if (!read.ok || parsed?.ok === false) return read.ok ? fail(parsed?.ok === false ? parsed.problem : []) : read;
    for (const { name, action, at, labels, scores } of parsed?.value ?? []) {
      const question: Question = { about: "action", action, hidden: NOTHING_HIDDEN };
      found.push({ name, action: action.kind, target: actionTarget(action), question, at, labels, scores });
    }
  }
  return ok(found);
}

function casesOf(file: string): string {
  return file.replace(/\.ya?ml$/, "").concat(".cases.yaml");
}

async function readIfThere(cwd: string, file: string): Reading<string | undefined> {
  const entry = await stat(resolve(cwd, file)).catch(() => undefined);
  if (entry === undefined) return ok(undefined);
  const source = await readSource(cwd, file);
  return source.ok ? ok(source.value.text) : source;
}
