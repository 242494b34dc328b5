import { readFileSync } from "node:fs";
import { listSegments } from "../../router/edge/audit/read-segments.ts";
import type { AgentAnswer } from "./agent.ts";
import type { Auditor } from "./audit-step.ts";
import type { LocalStage } from "./local-stage.ts";
import { largerBudget } from "./policy.ts";
import { answerText, policyBecomes, stateText } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

/** More than the budget allows: who comes to the end has found that it does not hold. */
const MOST_CALLS = 50;
const PROMPT = "What are you?";
/** AWS's own example of a key, which belongs to nobody. */
const SECRET = "AKIAIOSFODNN7EXAMPLE";

/** The agent API: a call without a key, models, a guardrail, limits, and a budget that is used up. Leaves version 2 of the models' policy. */
export async function modelSteps(run: TourRun, stage: LocalStage, auditor: Auditor): Promise<void> {
  const { steps } = run;
  const { agent, model, modelKey, modelPort, sidecar, proxy, agentApi, admin } = stage;
  const shown: AgentAnswer[] = [];

  const get = async (path: string): Promise<AgentAnswer> => kept(await agent.ask({ do: "call", url: agentApi + path }));
  const chat = async (more: object = {}, content = PROMPT): Promise<AgentAnswer> => {
    const body = { model: "small", messages: [{ role: "user", content }], ...more };
    return kept(await agent.ask({ do: "call", url: `${agentApi}/v1/chat/completions`, body }));
  };
  const kept = (answer: AgentAnswer): AgentAnswer => {
    shown.push(answer);
    return answer;
  };
  /** What an answer came to, and whose key the model was shown meanwhile. */
  const withKey = async (call: () => Promise<AgentAnswer>): Promise<readonly [AgentAnswer, string]> => {
    const before = await model.ask({ do: "count" });
    const answer = await call();
    const after = await model.ask({ do: "count" });
    const [asked, authorized] = [after.requests - before.requests, after.authorized - before.authorized];
    if (asked === 0) return [answer, answerText(answer)];
    return [answer, `${answerText(answer)}, with ${authorized === asked ? "the sidecar's key" : "no key"}`];
  };

  steps.part(
    "The agent API: an ordinary SDK without a key. The sidecar adds it, counts tokens, and keeps to the budget.",
  );
  await steps.take("GET /v1/models: what may be called", "200: small, preview", async () => {
    const answer = await get("/v1/models");
    const { data } = JSON.parse(answer.body) as { readonly data: readonly { readonly id: string }[] };
    return `${answerText(answer)}: ${data.map(({ id }) => id).join(", ")}`;
  });
  await steps.take("the model itself, asked without a key", "401", async () => {
    const url = `http://127.0.0.1:${modelPort}/v1/chat/completions`;
    return answerText(await agent.ask({ do: "call", url, body: { model: "parrot-1", messages: [] } }));
  });
  await steps.take("a chat call of the agent, who has no key", "200, with the sidecar's key", async () => {
    const [answer, outcome] = await withKey(() => chat());
    const { choices } = JSON.parse(answer.body) as Completion;
    return `${outcome}\n${choices[0]?.message.content ?? ""}`;
  });
  await steps.take("the same as a stream, with its usage", "200, whole, with its usage", async () => {
    const answer = await chat({ stream: true, stream_options: { include_usage: true } });
    const frames = answer.body.split("\n\n").filter((frame) => frame !== "");
    const usage = frames.find((frame) => frame.includes('"usage":{'));
    const whole = frames.at(-1) === "data: [DONE]" ? "whole" : "cut";
    const outcome = `${answerText(answer)}, ${whole}, ${usage === undefined ? "without" : "with"} its usage`;
    return [outcome, ...frames.slice(0, 1), "...", ...frames.slice(-2)].join("\n");
  });
  const aside = `https://model.example:${modelPort}/`;
  await steps.take(
    "the model's host, through a tunnel",
    "403 inference_only",
    async () => answerText(await agent.ask({ do: "get", url: aside, proxy })),
    aside,
  );
  await steps.take("a model that the policy does not name", "403 model_not_allowed", async () =>
    refusal(await chat({ model: "large" })),
  );
  await steps.take("a prompt with a cloud's access key in it", "403 guardrail_blocked", async () => {
    const before = await model.ask({ do: "count" });
    const answer = await chat({}, `My key is ${SECRET}: what does it open?`);
    const after = await model.ask({ do: "count" });
    return after.requests === before.requests ? refusal(answer) : `${answerText(answer)}, after it was sent`;
  });
  await steps.take("three calls of a model with two a minute", "200, 200, 429 rate_limited", async () => {
    const answers = [];
    for (let call = 0; call < 3; call += 1) answers.push(answerText(await chat({ model: "preview" })));
    return answers.join(", ");
  });
  await steps.take("calls until the budget is used up", "429 budget_exhausted, retry: false", async () => {
    for (let call = 1; call <= MOST_CALLS; call += 1) {
      const answer = await chat();
      if (answer.status === 200) continue;
      const [outcome = "", ...more] = refusal(answer).split("\n");
      return [`${outcome}, retry: ${answer.retry}`, ...more, `call ${call} was the first to be refused`].join("\n");
    }
    return `${MOST_CALLS} calls, and none was refused`;
  });
  await steps.take("GET /budget: what it counted", "200, as the model counted", async () => {
    const answer = await get("/budget");
    const { tokens } = await model.ask({ do: "count" });
    const { budgets } = JSON.parse(answer.body) as { readonly budgets: readonly Budget[] };
    const hour = budgets.find(({ id }) => id === "hour");
    const outcome = hour?.used === tokens ? "as the model counted" : `${hour?.used}, and the model counted ${tokens}`;
    return [`${answerText(answer)}, ${outcome}`, ...budgets.map(budgetText)].join("\n");
  });
  await steps.take("sluice status: how it all stands", "exit 0: READY", async () => {
    const argv = ["--address", admin.replace("http://", "")];
    const { exit, stdout, stderr } = await auditor.ask({ verb: "status", argv });
    const lines = stdout.trimEnd().split("\n");
    const told = lines.filter((line) => line !== "").slice(1);
    const [verdict = stderr.trim()] = /^(?:NOT )?READY/.exec(stdout) ?? [];
    return [`exit ${exit}: ${verdict}`, `$ sluice status ${argv.join(" ")}`, ...told].join("\n");
  });
  await steps.take("version 2 of the models: a larger budget", "v2 loaded", async () => {
    sidecar.publishModels(largerBudget(stage.models(2)));
    return stateText(await policyBecomes(agent, admin, (text) => text === "v2 loaded", "inference"));
  });
  await steps.take("the call that the budget had refused", "200, with the sidecar's key", async () => {
    const [, outcome] = await withKey(() => chat());
    return outcome;
  });
  await steps.take("the key: in an answer, a record, a log line", "nowhere", async () => {
    const records = (await listSegments(sidecar.audit)).map((segment) => readFileSync(segment, "utf8"));
    const places = {
      answers: JSON.stringify(shown),
      records: records.join(""),
      log: readFileSync(sidecar.log, "utf8"),
    };
    const found = Object.entries(places).flatMap(([place, text]) => (text.includes(modelKey) ? [place] : []));
    if (Object.values(places).includes("")) return "there is nothing to look through";
    return found.length === 0 ? "nowhere" : `in: ${found.join(", ")}`;
  });
}

interface Completion {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
}

interface Budget {
  readonly id: string;
  readonly unit: string;
  readonly limit: number | string;
  readonly used: number | string;
  readonly remaining: number | string;
}

/** The refusal, and how an SDK of OpenAI's is told of it. */
function refusal(answer: AgentAnswer): string {
  const { error } = JSON.parse(answer.body) as { readonly error?: { readonly code: string; readonly message: string } };
  if (error === undefined) return `${answerText(answer)}, not in OpenAI's shape`;
  return `${answerText(answer)}\n${error.code}: ${error.message}`;
}

function budgetText({ id, unit, limit, used, remaining }: Budget): string {
  return `${id}: ${used} of ${limit} ${unit} used, ${remaining} left`;
}
