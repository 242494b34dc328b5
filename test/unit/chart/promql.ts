/** What a PromQL expression asks for, as far as names go: no evaluation, and strict about what it does not know. */
export interface Asked {
  /** Each selector: the metric and the labels that it matches. */
  readonly selectors: readonly { readonly metric: string; readonly labels: readonly string[] }[];
  /** Labels of `by (...)`, `on (...)` and the like. */
  readonly grouping: readonly string[];
}

const FUNCTIONS: ReadonlySet<string> = new Set([
  "absent",
  "count",
  "histogram_quantile",
  "increase",
  "max",
  "min",
  "rate",
  "sum",
  "time",
  "topk",
  "vector",
]);
const GROUPING: ReadonlySet<string> = new Set(["by", "on"]);
const OPERATORS: ReadonlySet<string> = new Set(["and", "or", "unless", "offset"]);
const TOKEN =
  /\s+|(?<text>"(?:[^"\\]|\\.)*")|\[(?:[0-9]+[smhd]|\$__rate_interval)\]|(?<name>[A-Za-z_][A-Za-z0-9_]*)|[0-9]+(?:\.[0-9]+)?[smhd]?|(?<mark>=~|!~|!=|==|>=|<=|[-+*/<>=(){},])/gy;

/** Throws an Error that says what is wrong with an expression. */
export function readPromql(expression: string): Asked {
  const tokens = tokensOf(expression);
  const selectors: { metric: string; labels: readonly string[] }[] = [];
  const grouping: string[] = [];
  let depth = 0;
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at] ?? "";
    const next = tokens[at + 1];
    if (token === "(") depth += 1;
    if (token === ")") depth -= 1;
    if (depth < 0) throw new Error(`a parenthesis too many: ${expression}`);
    if (!/^[A-Za-z_]/.test(token) || OPERATORS.has(token)) continue;
    if (GROUPING.has(token)) {
      const end = tokens.indexOf(")", at);
      if (next !== "(" || end < 0) throw new Error(`${token} without its list: ${expression}`);
      grouping.push(...tokens.slice(at + 2, end).filter((part) => part !== ","));
      at = end;
    } else if (FUNCTIONS.has(token)) {
      if (next !== "(" && !GROUPING.has(next ?? "")) throw new Error(`${token} is not called: ${expression}`);
    } else if (next === "(") {
      throw new Error(`no such function: ${token}`);
    } else {
      const end = next === "{" ? tokens.indexOf("}", at) : at;
      if (end < at) throw new Error(`an open brace: ${expression}`);
      selectors.push({ metric: token, labels: matchers(tokens.slice(at + 2, end), expression) });
      at = end;
    }
  }
  if (depth !== 0) throw new Error(`a parenthesis too few: ${expression}`);
  return { selectors, grouping };
}

function matchers(tokens: readonly string[], expression: string): readonly string[] {
  const labels: string[] = [];
  for (let at = 0; at < tokens.length; at += 4) {
    const [label = "", operator = "", value = "", comma] = tokens.slice(at, at + 4);
    const isMatcher = /^\w+$/.test(label) && ["=", "!=", "=~", "!~"].includes(operator) && value.startsWith('"');
    if (!isMatcher || (comma !== undefined && comma !== ",")) throw new Error(`no matcher: ${expression}`);
    labels.push(label);
  }
  return labels;
}

function tokensOf(expression: string): readonly string[] {
  const tokens: string[] = [];
  let end = 0;
  for (const match of expression.matchAll(TOKEN)) {
    const { text, name, mark } = match.groups ?? {};
    const token = text ?? name ?? mark;
    if (token !== undefined) tokens.push(token);
    end = match.index + match[0].length;
  }
  if (end !== expression.length) throw new Error(`unreadable at ${end}: ${expression}`);
  return tokens;
}
