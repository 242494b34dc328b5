import { type DocumentProblem, formatProblem } from "../router/core/base/problem.ts";
import { epochMillis } from "../router/core/base/quantity.ts";
import { ok } from "../router/core/base/result.ts";
import type { ActionContext } from "../router/core/governance/action.ts";
import type { CompiledInferencePolicy } from "../router/core/models/compile-inference-policy.ts";
import { explainModel, type ExplainedRule, type ModelExplanation } from "../router/core/models/explain-inference.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { answerGovernance, type GovernanceAnswer, linesOfGovernance } from "./explain-governance.ts";
import { findGovernancePolicy, findInferencePolicy, type GovernancePolicyFile } from "./policy-file.ts";

/**
 * What would become of a call that names this model now, and where it would go. The governance policy is asked as the
 * sidecar asks it, once for each provider of the model; the call's API, stream and size are not known here.
 */
export async function explainModelTo(
  io: CliIo,
  directory: string,
  name: string,
  context: ActionContext,
  json: boolean,
): Promise<number> {
  const found = await findInferencePolicy(io.cwd, directory);
  if (!found.ok) return unreadable(io, found.problem);
  if (found.value === undefined) {
    const message = "No document in this directory is an InferencePolicy.";
    return unreadable(io, [{ file: directory, line: 0, column: 0, code: "no_policy", message }]);
  }
  const { file, policy } = found.value;
  // A file that is named by itself is the whole policy.
  const governance = file === directory ? ok(undefined) : await findGovernancePolicy(io.cwd, directory);
  if (!governance.ok) return unreadable(io, governance.problem);
  const explanation = explainModel(policy, name, epochMillis(context.now));
  const governed = governance.value === undefined ? [] : governedCalls(explanation, governance.value, context);
  if (json) {
    const refusal = explanation.effect === "allow" ? refusalOf(governed) : undefined;
    const verdict = refusal === undefined ? {} : { effect: "deny", reason: refusal.reason };
    const about = { ...explanation, ...verdict, governance: governed, policy: { file, ...policy.identity } };
    io.stdout(`${JSON.stringify({ request: `MODEL ${name}`, ...about })}\n`);
  } else {
    for (const line of linesOf(name, explanation, file, policy, refusalOf(governed)))
      io.stdout(`${safeText(line, LONGEST_LINE)}\n`);
    for (const answer of governed) {
      for (const line of ["", `governance: ${answer.action}`, ...linesOfGovernance(answer)]) {
        io.stdout(`${safeText(line, LONGEST_LINE)}\n`);
      }
    }
  }
  return explanation.effect === "allow" && refusalOf(governed) === undefined ? EXIT.yes : EXIT.no;
}

function unreadable(io: CliIo, problems: readonly DocumentProblem[]): number {
  for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
  return EXIT.usage;
}

/** Each provider must be allowed, since any of them may be asked. */
function refusalOf(governed: readonly GovernanceAnswer[]): GovernanceAnswer | undefined {
  return governed.find(({ effect }) => effect !== "allow");
}

function governedCalls(
  explanation: ModelExplanation,
  governance: GovernancePolicyFile,
  context: ActionContext,
): readonly GovernanceAnswer[] {
  if (explanation.effect === "deny") return [];
  const { model, targets } = explanation;
  const facts = { kind: "inference", model, api: undefined, stream: undefined, bytes: undefined } as const;
  return [...new Set(targets.map(({ id }) => id))].map((provider) => {
    const answer = answerGovernance(governance, { ...facts, provider }, context);
    return { ...answer, action: `${answer.action} at ${provider}` };
  });
}

/** Names and paths are text that others chose; none of it is longer. */
const LONGEST_LINE = 8192;

function* linesOf(
  name: string,
  explanation: ModelExplanation,
  file: string,
  { identity }: CompiledInferencePolicy,
  refusal: GovernanceAnswer | undefined,
): Generator<string> {
  yield `MODEL ${name}`;
  if (explanation.effect === "deny") {
    const { reason, why } = explanation;
    yield `DENIED: ${reason}`;
    yield `  ${why}`;
  } else {
    const { model, line, targets, budgets, rateLimits, guardrails } = explanation;
    if (refusal !== undefined) yield `DENIED: ${refusal.reason ?? ""}, by the governance policy: see below`;
    yield refusal === undefined ? `ALLOWED, as ${model}, line ${line}` : `  known as ${model}, line ${line}`;
    yield* section("targets, in this order", targets);
    yield* section("budgets", budgets);
    yield* section("rate limits", rateLimits);
    yield* section("guardrails", guardrails);
  }
  yield "";
  yield `  ${file}: ${identity.name}, version ${identity.version}, ${identity.digest}`;
}

function* section(title: string, rules: readonly ExplainedRule[]): Generator<string> {
  yield "";
  yield `  ${title}${rules.length === 0 ? ": none" : ""}`;
  const width = Math.max(0, ...rules.map(({ id }) => id.length));
  for (const { id, line, says } of rules) yield `    ${id.padEnd(width)}  line ${String(line).padEnd(4)}  ${says}`;
}
