import { refined } from "../document/refined-shape.ts";
import { text } from "../document/text-shape.ts";
import { listUpTo } from "./bounded-list.ts";

/** What requests and providers call a model: `gpt-5`, `anthropic/claude-x`, `llama3:8b`. Compared letter by letter. */
export const modelName = text({
  code: "bad_model_name",
  pattern: /^[!-~]+$/,
  hint: "a model's name is made of printable ASCII characters, without spaces.",
  maximum: 256,
});

/** The router decides where its secrets are mounted; a policy names one of them, and nothing in it leads out. */
export const secretFile = text({
  code: "bad_file_name",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  hint: "a file of the secrets directory is named without slashes and does not begin with a dot.",
});

export const MAXIMUM_MODELS = 512;

/** The models that a rule is about, by the names that their rules have. */
export const ruleModels = refined(
  listUpTo(MAXIMUM_MODELS, modelName, { unique: true }),
  (names): ReadonlySet<string> => new Set(names),
);
