import { refined } from "../document/refined-shape.ts";
import { text } from "../document/text-shape.ts";
import { listUpTo } from "../document/bounded-list.ts";

/** What requests and providers call a model: `gpt-5`, `anthropic/claude-x`, `llama3:8b`. Compared letter by letter. */
export const modelName = text({
  code: "bad_model_name",
  pattern: /^[!-~]+$/,
  hint: "a model's name is made of printable ASCII characters, without spaces.",
  maximum: 256,
});

export const MAXIMUM_MODELS = 512;

/** The models that a rule is about, by the names that their rules have. */
export const ruleModels = refined(
  listUpTo(MAXIMUM_MODELS, modelName, { unique: true }),
  (names): ReadonlySet<string> => new Set(names),
);
