import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { PORTS } from "../../init-egress-guard/settings.ts";
import { portOrFree } from "./free-port.ts";
import { LineWorker } from "./line-worker.ts";
import type { ModelAnswer, ModelAsk } from "./model.ts";
import type { OriginAnswer, OriginAsk } from "./origin.ts";
import { actionsPolicyOf, modelsPolicyOf, policyOf, type RunFacts } from "./policy.ts";
import { program } from "./program-files.ts";
import { Sidecar } from "./sidecar.ts";
import type { Agent } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";
import type { Witness, WitnessFacts } from "./witness.ts";

/** Everything of the tour that needs no privilege: origins, a model, sidecar and agent, each a process on loopback. */
export interface LocalStage extends AsyncDisposable {
  readonly agent: Agent;
  readonly origin: LineWorker<OriginAsk, OriginAnswer>;
  readonly model: LineWorker<ModelAsk, ModelAnswer>;
  /** What the model asks for, and the sidecar alone is given. */
  readonly modelKey: string;
  readonly sidecar: Sidecar;
  readonly witness: WitnessFacts;
  /** A directory that stands for a place outside the pod. */
  readonly kept: string;
  /** A file in there: the newest signed head of the audit log, which the sidecar puts there. */
  readonly head: string;
  /** The proxy's port on loopback. */
  readonly proxy: number;
  /** The agent API, as the beginning of a URL. */
  readonly agentApi: string;
  /** The admin listener, as the beginning of a URL. */
  readonly admin: string;
  readonly tlsPort: number;
  readonly httpPort: number;
  readonly modelPort: number;
  /** The policy of this stage in some version. */
  policy(version: number): string;
  /** The same of its models. */
  models(version: number): string;
  /** The same of the agent's actions. */
  actions(version: number): string;
}

const HERE = "127.0.0.1";
/** Short, for nobody wants to wait here. */
const HEAD_INTERVAL = "100ms";

/** The witness is the caller's, and outlives the stage. */
export async function openLocalStage(run: TourRun, starting: Witness): Promise<LocalStage> {
  await using opening = new AsyncDisposableStack();
  const agent: Agent = opening.use(
    new LineWorker("the agent", [process.execPath, program("quickstart/agent"), run.authorityFile], run.signal),
  );
  const origin = opening.use(
    new LineWorker<OriginAsk, OriginAnswer>("the origin", [process.execPath, program("quickstart/origin")], run.signal),
  );
  const { tlsPort, httpPort } = await origin.ask({
    do: "serve",
    address: HERE,
    tlsPort: 8443,
    httpPort: 8080,
    ...run.certificate,
  });
  const model = opening.use(
    new LineWorker<ModelAsk, ModelAnswer>("the model", [process.execPath, program("quickstart/model")], run.signal),
  );
  const modelKey = `sk-local-${randomBytes(24).toString("base64url")}`;
  const { port: modelPort } = await model.ask({ do: "serve", address: HERE, port: 8000, key: modelKey });
  const [proxy, agentPort, adminPort, redirectedTls, redirectedHttp, redirectedDns] = [
    await portOrFree(PORTS.forward),
    await portOrFree(PORTS.agentApi),
    await portOrFree(PORTS.admin),
    await portOrFree(PORTS.tls),
    await portOrFree(PORTS.http),
    await portOrFree(PORTS.dns),
  ];
  const facts: Omit<RunFacts, "version"> = { now: run.io.now(), addresses: [HERE], tlsPort, httpPort };
  const policy = (version: number): string => policyOf({ ...facts, version });
  const models = (version: number): string => modelsPolicyOf({ now: run.io.now(), version, modelPort });
  const actions = (version: number): string => actionsPolicyOf({ now: run.io.now(), version });
  const witness = await starting.listening();
  const kept = join(run.directory, "kept");
  mkdirSync(kept);
  const head = join(kept, "head.note");
  const sidecar = opening.use(
    new Sidecar({
      directory: join(run.directory, "sidecar"),
      signer: run.signer,
      policy: policy(1),
      models: { policy: models(1), keys: { "local-model-key": modelKey } },
      actions: actions(1),
      settings: [
        `listeners: { forward: { port: ${proxy} }, agent: { port: ${agentPort} }, admin: { addresses: ["${HERE}"], port: ${adminPort} },`,
        `  tls: { port: ${redirectedTls} }, http: { port: ${redirectedHttp} }, dns: { port: ${redirectedDns} } }`,
        "guard: { expected: false }",
      ],
      audit: checkpoints(head, witness),
      hosts: {
        "allowed.example": HERE,
        "a.wild.example": HERE,
        "b.wild.example": HERE,
        "reports.wild.example": HERE,
        "a.other.example": HERE,
        "metadata.wild.example": "169.254.169.254",
        "model.example": HERE,
      },
    }),
  );
  const owned = opening.move();
  return {
    agent,
    origin,
    model,
    modelKey,
    sidecar,
    witness,
    kept,
    head,
    proxy,
    agentApi: `http://${HERE}:${agentPort}`,
    admin: `http://${HERE}:${adminPort}`,
    tlsPort,
    httpPort,
    modelPort,
    policy,
    models,
    actions,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Where the audit log's signed heads go, and how often. */
function checkpoints(head: string, { address, key }: WitnessFacts): string {
  const files = `files: [${JSON.stringify(head)}]`;
  const witnesses = `witnesses: [{ url: "http://${address}", key: "${key}" }]`;
  return `checkpoint: { interval: ${HEAD_INTERVAL}, ${files}, ${witnesses} }`;
}
