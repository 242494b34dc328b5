import { assertNever } from "../base/assert-never.ts";
import { quoted } from "../document/quoted.ts";
import type { Action, ActionContext } from "./action.ts";
import { actionTarget } from "./action-target.ts";
import type { GovernanceSnapshot } from "./compile-governance-policy.ts";
import { type CompiledRule, ruleTruth } from "./compiled-rule.ts";
import { decide } from "./decide.ts";
import { factOf } from "./facts.ts";
import type { Condition, Effect, TextTest } from "./governance-policy.ts";
import { judgedAction, type JudgedAction } from "./judged-action.ts";
import { isOpen, NO, type Truth, UNKNOWN, YES } from "./truth.ts";
import type { Verdict } from "./verdict.ts";

export interface GovernanceRuleExplanation {
  readonly rule: string;
  readonly effect: Effect;
  /** Where the rule begins in its file, from 1. */
  readonly line: number;
  /** It matches the action; whether it decided is the verdict's to say. */
  readonly matches: boolean;
  /** One sentence. */
  readonly why: string;
}

export interface GovernanceExplanation {
  readonly verdict: Verdict;
  /** Rules that match or are held up by one condition only: by effect, the strongest first, each in document order. */
  readonly rules: readonly GovernanceRuleExplanation[];
  /** How many rules, of this kind of action and of others, have less to do with it. */
  readonly others: number;
}

/** More near misses than this help nobody. */
const MAXIMUM_NEAR = 20;

const EFFECTS: readonly Effect[] = ["deny", "require_approval", "rate_limit", "allow"];

/** The verdict, and what each rule that is about this action, or nearly, had to do with it. */
export function explainGovernance(
  snapshot: GovernanceSnapshot,
  action: Action,
  context: ActionContext,
): GovernanceExplanation {
  const verdict = decide(snapshot, action, context);
  if (snapshot.state === "missing") return { verdict, rules: [], others: 0 };
  const judged = judgedAction(action, context);
  const rules: GovernanceRuleExplanation[] = [];
  let near = 0;
  for (const effect of EFFECTS) {
    for (const rule of snapshot.rulesOf(action.kind)) {
      if (rule.effect !== effect) continue;
      const found = explained(rule, judged);
      if (found === undefined || (!found.matches && near >= MAXIMUM_NEAR)) continue;
      if (!found.matches) near += 1;
      rules.push({ rule: rule.id, effect, line: rule.line, ...found });
    }
  }
  return { verdict, rules, others: snapshot.rules.length - rules.length };
}

/** Undefined: more than one of its conditions says no. */
function explained(
  rule: CompiledRule,
  judged: JudgedAction,
): Pick<GovernanceRuleExplanation, "matches" | "why"> | undefined {
  const rows = rule.when.map((condition, at): readonly [Condition, Truth] => [
    condition,
    rule.whenTests[at]?.(judged) ?? NO,
  ]);
  const refusing = rows.filter(([, truth]) => truth === NO);
  const [missed] = refusing;
  if (missed !== undefined) {
    return refusing.length > 1 ? undefined : { matches: false, why: missSentence(missed[0], judged) };
  }
  const truth = ruleTruth(rule, judged);
  const refuses = rule.effect === "deny" || rule.effect === "require_approval";
  if (truth === NO) return { matches: false, why: 'All of its "unless" holds, which excepts this action.' };
  if (truth === YES) return { matches: true, why: "It matches." };
  if (isOpen(truth)) {
    const matches = refuses ? (truth & NO) === 0 : (truth & YES) !== 0;
    return { matches, why: "What it asks of the arguments is known only when the tool is called." };
  }
  const unknown = rows.find(([, row]) => row === UNKNOWN)?.[0] ?? unknownException(rule, judged);
  const what = unknown === undefined ? "a fact" : factName(unknown);
  switch (rule.effect) {
    case "deny":
    case "require_approval":
      return { matches: true, why: `It asks for ${what}, which is not known, and what is not known is refused.` };
    case "rate_limit":
      return {
        matches: false,
        why: `It asks for ${what}, which is not known: its limit counts, and it allows nothing.`,
      };
    case "allow":
      return { matches: false, why: `It asks for ${what}, which is not known, and what is not known is not allowed.` };
    default:
      return assertNever(rule.effect);
  }
}

function unknownException(rule: CompiledRule, judged: JudgedAction): Condition | undefined {
  return rule.unless.find((_, at) => rule.unlessTests[at]?.(judged) === UNKNOWN);
}

function missSentence(condition: Condition, { action, context }: JudgedAction): string {
  switch (condition.kind) {
    case "label":
      return `The label ${condition.name} is ${quoted(context.labels?.get(condition.name) ?? "")}, which it does not name.`;
    case "time":
      return "It is about other hours.";
    case "argument":
      return `It asks for something else at ${quoted(condition.at)} of the arguments.`;
    case "tier": {
      const peer = action.kind === "mesh.send" ? (action.peer ?? "") : "";
      return `The peer's score is ${context.scoreOf(peer) ?? "not known"}, of another tier than it asks for.`;
    }
    case "text":
    case "texts":
      return `It asks for ${askedTexts(condition.test)} as ${condition.fact}.`;
    case "number":
    case "flag":
    case "host":
    case "path":
      return `It is about another ${factName(condition)} than that of ${quoted(actionTarget(action))}.`;
    default:
      return assertNever(condition);
  }
}

/** The first of them, and how many more there are. */
function askedTexts(test: TextTest): string {
  const all = [...test.in, ...test.glob, ...test.pattern];
  const more = all.length - 1;
  return quoted(all[0] ?? "") + (more > 0 ? ` or ${more} more` : "");
}

function factName(condition: Condition): string {
  switch (condition.kind) {
    case "label":
      return `the label ${condition.name}`;
    case "argument":
      return `the argument ${quoted(condition.at)}`;
    case "text":
    case "number":
    case "flag":
    case "texts":
    case "host":
    case "path":
    case "time":
    case "tier":
      return factOf(condition);
    default:
      return assertNever(condition);
  }
}
