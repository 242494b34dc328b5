import { ConditionCover } from "./condition-cover.ts";
import type { Condition, GovernanceRule, TextTest } from "./governance-policy.ts";

/** What runs whatever it is told to. */
const SHELLS = "sh bash dash ash zsh ksh mksh fish csh tcsh rbash busybox toybox pwsh".split(" ");
/** What runs the command that it is given. */
const LAUNCHERS = "env xargs sudo su doas nohup setsid timeout nice stdbuf chroot nsenter unshare parallel".split(" ");
const DIRECTORIES = ["/bin", "/usr/bin", "/usr/local/bin", "/busybox"] as const;

export interface RiskyProgram {
  readonly rule: GovernanceRule;
  readonly program: string;
  readonly kind: "shell" | "launcher";
}

/**
 * Rules that let a shell be run, or a launcher with any arguments, and that no deny or approval rule for that program
 * stops; the first such program of each rule.
 */
export function riskyPrograms(rules: readonly GovernanceRule[]): readonly RiskyProgram[] {
  const cover = new ConditionCover();
  const ofExec = rules.filter(({ actions }) => actions.includes("exec"));
  const stopping = ofExec.filter(
    ({ effect, when, unless }) =>
      (effect === "deny" || effect === "require_approval") && unless.length === 0 && when.every(isProgram),
  );
  const takes = (when: readonly Condition[], program: string): boolean =>
    when.every((condition) => !isProgram(condition) || cover.passes(condition.test, program));
  // Each of them is asked about by every rule that allows.
  const stopped = new Map<string, boolean>();
  const isStopped = (program: string): boolean => {
    const known = stopped.get(program) ?? stopping.some(({ when }) => takes(when, program));
    stopped.set(program, known);
    return known;
  };
  const found: RiskyProgram[] = [];
  for (const rule of ofExec) {
    const { effect, when, unless } = rule;
    if (effect !== "allow" && effect !== "rate_limit") continue;
    const isExcepted = (program: string): boolean =>
      unless.length > 0 && unless.every(isProgram) && takes(unless, program);
    const program = programsOf(rule).find((path) => takes(when, path) && !isExcepted(path) && !isStopped(path));
    if (program !== undefined) found.push({ rule, program, kind: isNamed(program, SHELLS) ? "shell" : "launcher" });
  }
  return found;
}

/** Those that a rule names, and those of the usual directories. */
function programsOf({ when }: GovernanceRule): readonly string[] {
  const names = when.some(({ kind }) => kind === "texts") ? SHELLS : [...SHELLS, ...LAUNCHERS];
  const given = when.flatMap((condition) => (isProgram(condition) ? condition.test.in : []));
  const usual = names.flatMap((name) => DIRECTORIES.map((directory) => `${directory}/${name}`));
  return [...given.filter((path) => isNamed(path, names)), ...usual];
}

function isNamed(path: string, names: readonly string[]): boolean {
  return names.includes(path.slice(path.lastIndexOf("/") + 1));
}

function isProgram(condition: Condition): condition is Condition & { readonly kind: "text"; readonly test: TextTest } {
  return condition.kind === "text" && condition.fact === "program";
}
