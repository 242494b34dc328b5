import type { AgentAnswer } from "./agent.ts";
import type { LocalStage } from "./local-stage.ts";
import { answerText } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

/** A verdict that was given, and is to be found on record under its id. */
export interface Judged {
  readonly id: string;
  readonly decision: string;
}

interface Verdict extends Judged {
  readonly rule: string | null;
  readonly message?: string | null;
  readonly retry_after_ms?: number;
}

const GIT = "/usr/bin/git";
const SEARCH = "search";
const SHELL = "run_shell";

/** What the agent does: programs and helpers that it asks for, tools of its model that nobody asks for. All verdicts given. */
export async function governanceSteps(run: TourRun, stage: LocalStage): Promise<readonly Judged[]> {
  const { steps } = run;
  const { agent, model, agentApi } = stage;
  const judged: Judged[] = [];

  const evaluate = async (action: object): Promise<Verdict> => {
    const { body } = await agent.ask({ do: "call", url: `${agentApi}/governance/v1/evaluate`, body: { action } });
    const verdict = JSON.parse(body) as Verdict;
    judged.push(verdict);
    return verdict;
  };
  const exec = async (what: string, program: string, argv: readonly string[], expected: string): Promise<void> =>
    steps.take(
      what,
      expected,
      async () => {
        const { decision, rule, message } = await evaluate({ kind: "exec", program, argv });
        return [`${decision}, ${rule ?? "no rule"}`, ...(message == null ? [] : [message])].join("\n");
      },
      [program, ...argv].join(" "),
    );
  /** A call of a model that is told of both tools. */
  const chat = async (content: string): Promise<AgentAnswer> => {
    const tools = [SEARCH, SHELL].map((name) => ({ type: "function", function: { name } }));
    const body = { model: "small", messages: [{ role: "user", content }], tools };
    return agent.ask({ do: "call", url: `${agentApi}/v1/chat/completions`, body });
  };
  const called = async (name: string): Promise<string> => {
    const before = await model.ask({ do: "count" });
    const answer = await chat(`Call ${name}.`);
    const after = await model.ask({ do: "count" });
    // Where it was not asked, nothing is shown of what it would have called.
    if (after.requests === before.requests) return `${answerText(answer)}, and the model was not asked`;
    const came = answer.body.includes(`"${name}"`) ? "the call came" : "no call came";
    return `${answerText(answer)}, ${came}`;
  };

  steps.part("What the agent does: programs it asks about first, tools of its model that nobody has to ask about.");
  await exec("a program that a rule allows", GIT, ["status"], "allow, git");
  await exec("the same, with what a deny rule names", GIT, ["push"], "deny, no-push");
  await exec("a program that no rule names", "/bin/sh", ["-c", "id"], "deny, no rule");
  await steps.take("a call with two tools, one of them refused", `200, the model is told of ${SEARCH}`, async () => {
    const answer = await chat("What are you?");
    const { tools } = await model.ask({ do: "count" });
    return `${answerText(answer)}, the model is told of ${tools.join(", ")}`;
  });
  await steps.take("the model calls the tool that is allowed", "200, the call came", () => called(SEARCH));
  await steps.take("the model calls the other all the same", "403 governance_denied, no call came", () =>
    called(SHELL),
  );
  await steps.take("three helpers, where two an hour may be started", "allow, allow, rate_limit", async () => {
    const verdicts = [];
    for (let asked = 0; asked < 3; asked += 1) verdicts.push(await evaluate({ kind: "spawn", agent: "helper" }));
    const outcome = verdicts.map(({ decision }) => decision).join(", ");
    const wait = verdicts.at(-1)?.retry_after_ms;
    return wait === undefined ? outcome : `${outcome}\nagain in ${Math.ceil(wait / 60_000)} minutes`;
  });
  return judged;
}
