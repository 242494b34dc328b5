import { modelPolicy, PROVIDER_KEY } from "../../test/fakes/model-policy.ts";
import { startSidecar } from "../../test/fakes/sidecar.ts";
import { on } from "./cores.ts";
import type { Gateway } from "./gateway.ts";

export interface SluiceGateway extends Gateway {
  /** What its budgets have counted so far. */
  used(): Promise<{ readonly tokens: number; readonly calls: number }>;
}

/** Beyond what any bench uses: every limit is counted, none refuses. */
const NEVER = 1_000_000_000_000_000;

interface Counted {
  readonly id: string;
  readonly used: number | string;
}

export interface SluiceOptions {
  /** Searches requests and answers for secrets and personal data as well. */
  readonly guardrails?: boolean;
  readonly nodeFlags?: readonly string[];
}

/**
 * The sidecar as the image runs it, with everything on that a call can meet: signed policies, a credential put in and looked
 * for in the answer, usage metered, budgets in tokens, requests and dollars, rate limits, strict audit (a durable record before the
 * call leaves), a log line a call.
 */
export async function startSluice(
  originPort: number,
  cores: string | undefined,
  options: SluiceOptions = {},
): Promise<SluiceGateway> {
  const sidecar = await startSidecar({
    allow: [],
    secrets: { "provider-key": PROVIDER_KEY },
    models: modelPolicy(
      { port: originPort },
      {
        model: ['price: { input: "2.5", output: "10" }'],
        budgets: [
          `{ id: tokens, scope: pod, window: month, tokens: ${NEVER} }`,
          `{ id: calls, scope: model, window: month, requests: ${NEVER} }`,
          `{ id: money, scope: pod, window: month, usd: "9000000" }`,
        ],
        rateLimits: [
          `{ id: rate, requestsPerMinute: ${NEVER} }`,
          `{ id: token-rate, tokensPerMinute: ${NEVER} }`,
          "{ id: at-once, concurrent: 100000 }",
        ],
        guardrails:
          options.guardrails === true
            ? [
                "{ id: secrets, on: [input, output], patterns: { builtIn: [api_key, private_key, aws_access_key, github_token, credit_card] }, action: block }",
              ]
            : [],
      },
    ),
    built: true,
    wrap: on(cores),
    nodeFlags: options.nodeFlags ?? [],
  });
  // What it logs is read, and not kept.
  for (const stream of [sidecar.child.stdout, sidecar.child.stderr]) stream?.removeAllListeners("data").resume();
  return {
    name: options.guardrails === true ? "Sluice, guardrails too" : "Sluice",
    port: sidecar.agentPort,
    pid: sidecar.child.pid ?? 0,
    headers: ["Authorization: Bearer agents-own"],
    readyMillis: sidecar.readyMillis,
    used: async () => {
      const answer = await fetch(`http://127.0.0.1:${sidecar.agentPort}/budget`);
      const { budgets } = (await answer.json()) as { readonly budgets: readonly Counted[] };
      const of = (id: string): number => Number(budgets.find((budget) => budget.id === id)?.used);
      return { tokens: of("tokens"), calls: of("calls") };
    },
    stop: async () => sidecar[Symbol.asyncDispose](),
  };
}
