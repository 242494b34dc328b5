import { choice } from "../document/choice-shape.ts";
import { atLeastOneOf, exactlyOneOf } from "../document/conditions.ts";
import { entryOf } from "../document/document-node.ts";
import { duration } from "../document/duration-shape.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { type Condition, object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import { secretFile } from "../document/secret-file-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import type { BuiltInPattern, Guardrail, GuardrailCheck } from "../guardrail/guardrail-rule.ts";
import { railSearch } from "../guardrail/rail-search.ts";
import { parseSearchPattern } from "../guardrail/search-syntax.ts";
import { ruleId } from "../policy/rule-parts.ts";
import { listUpTo } from "../document/bounded-list.ts";
import type { Located } from "./inference-policy.ts";
import { modelName, ruleModels } from "./model-parts.ts";
import { webhookUrl } from "./provider-endpoint.ts";

const builtIns: Readonly<Record<BuiltInPattern, true>> = {
  api_key: true,
  private_key: true,
  aws_access_key: true,
  github_token: true,
  jwt: true,
  credit_card: true,
  us_ssn: true,
  iban: true,
  email: true,
  phone: true,
  ip_address: true,
};
const BUILT_INS = Object.keys(builtIns) as readonly BuiltInPattern[];

/** Sought anywhere in a text. Agents and models choose what is searched: RE2-class only. */
const regex: Shape<string> = refined(text(), (given, node, report) => {
  const parsed = parseSearchPattern(given);
  if (parsed.ok) return given;
  report.add(node, "bad_pattern", parsed.problem);
  return undefined;
});

const patterns = object(
  {
    builtIn: optional(
      listUpTo(BUILT_INS.length, choice(...BUILT_INS), { unique: true }),
      "Patterns that come with the router.",
    ),
    regex: optional(listUpTo(64, regex, { unique: true }), "RE2-class patterns, sought anywhere in a text."),
  },
  atLeastOneOf(["builtIn", "regex"], "empty_patterns", 'Say "builtIn" or "regex": there is nothing to look for.'),
);

const webhook = object({
  url: required(webhookUrl, "Gets a POST of phase, model and texts."),
  tokenFile: optional(secretFile, "A file of the secrets directory; sent as a bearer token."),
});

const moderation = object({
  provider: required(ruleId, "The id of a provider with api openai."),
  model: defaulted(modelName, "omni-moderation-latest", "The moderation model, by the provider's own name."),
});

const maskable: Condition<{ action: string }> = {
  check({ action }, map, report) {
    if (action !== "mask" || entryOf(map, "moderation") === undefined) return;
    const message = "Moderation says that something is wrong, not where: it cannot mask.";
    report.add(entryOf(map, "action")?.value ?? map, "mask_not_applicable", message);
  },
};

export const guardrail: Shape<Guardrail & Located> = refined(
  object(
    {
      id: required(ruleId, "Unique among budgets, rate limits and guardrails; in refusals, audit and metrics."),
      on: required(listUpTo(2, choice("input", "output"), { unique: true }), "What is checked."),
      patterns: optional(patterns, "Secrets and personal data, found by the router itself."),
      webhook: optional(webhook, "A service that is asked."),
      moderation: optional(moderation, "OpenAI's moderation API, at a provider of this policy."),
      action: defaulted(choice("block", "mask"), "block", "mask replaces what was found by its name."),
      models: optional(ruleModels, "Names of models; without it, every model."),
      timeout: defaulted(duration(), "2s", "A check that has not answered by then has failed, and that blocks."),
    },
    exactlyOneOf(
      ["patterns", "webhook", "moderation"],
      "bad_guardrail",
      'A guardrail is one of "patterns", "webhook" and "moderation".',
    ),
    maskable,
  ),
  ({ patterns: sought, webhook: asked, moderation: judged, ...given }, node, report) => {
    const check = checkOf(sought, asked, judged);
    if (check === undefined) return undefined;
    // Patterns that are good one by one can be too many together; the router would then refuse every call.
    const search = check.kind === "patterns" ? railSearch(check, given.action) : undefined;
    if (search?.ok === false) report.add(node, "bad_patterns", search.problem);
    return { ...given, check, line: report.lineOf(node.at) };
  },
);

type Read<Of> = Of extends Shape<infer Value> ? Value | undefined : never;

function checkOf(
  sought: Read<typeof patterns>,
  asked: Read<typeof webhook>,
  judged: Read<typeof moderation>,
): GuardrailCheck | undefined {
  if (sought !== undefined) return { kind: "patterns", builtIn: sought.builtIn ?? [], patterns: sought.regex ?? [] };
  if (asked !== undefined) return { kind: "webhook", ...asked };
  return judged === undefined ? undefined : { kind: "moderation", ...judged };
}
