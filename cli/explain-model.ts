import { formatProblem } from "../router/core/base/problem.ts";
import type { CompiledInferencePolicy } from "../router/core/models/compile-inference-policy.ts";
import { explainModel, type ExplainedRule, type ModelExplanation } from "../router/core/models/explain-inference.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { findInferencePolicy } from "./policy-file.ts";

/** What would become of a call that names this model now, and where it would go. */
export async function explainModelTo(io: CliIo, directory: string, name: string, json: boolean): Promise<number> {
  const found = await findInferencePolicy(io.cwd, directory);
  if (!found.ok) {
    for (const problem of found.problem) io.stderr(`${formatProblem(problem)}\n`);
    return EXIT.usage;
  }
  if (found.value === undefined) {
    io.stderr(`${directory}:0:0: no_policy: No document in this directory is an InferencePolicy.\n`);
    return EXIT.usage;
  }
  const { file, policy } = found.value;
  const explanation = explainModel(policy, name, io.now());
  if (json) {
    io.stdout(
      `${JSON.stringify({ request: `MODEL ${name}`, ...explanation, policy: { file, ...policy.identity } })}\n`,
    );
  } else {
    for (const line of linesOf(name, explanation, file, policy)) io.stdout(`${safeText(line, LONGEST_LINE)}\n`);
  }
  return explanation.effect === "allow" ? EXIT.yes : EXIT.no;
}

/** Names and paths are text that others chose; none of it is longer. */
const LONGEST_LINE = 8192;

function* linesOf(
  name: string,
  explanation: ModelExplanation,
  file: string,
  { identity }: CompiledInferencePolicy,
): Generator<string> {
  yield `MODEL ${name}`;
  if (explanation.effect === "deny") {
    const { reason, why } = explanation;
    yield `DENIED: ${reason}`;
    yield `  ${why}`;
  } else {
    const { model, line, targets, budgets, rateLimits, guardrails } = explanation;
    yield `ALLOWED, as ${model}, line ${line}`;
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
