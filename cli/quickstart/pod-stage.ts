import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Family, ROUTER_UID } from "../../init-egress-guard/settings.ts";
import { ok, type Result } from "../../router/core/base/result.ts";
import { LineWorker } from "./line-worker.ts";
import type { OriginAnswer, OriginAsk } from "./origin.ts";
import { openPod, OUTSIDE } from "./pod.ts";
import { policyOf } from "./policy.ts";
import { program } from "./program-files.ts";
import { Sidecar } from "./sidecar.ts";
import type { Agent } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

/** Everything of the tour that needs root: a pod, two agents in it, and an origin outside that they could reach. */
export interface PodStage extends AsyncDisposable {
  readonly families: readonly Family[];
  readonly agents: readonly [PodAgent, PodAgent];
  /** Outside, where a kubelet asks from. */
  readonly probe: Agent;
  readonly origin: LineWorker<OriginAsk, OriginAnswer>;
  /** What comes before a program and its arguments to run it in the pod, as root. */
  readonly inside: readonly string[];
  readonly proofFile: string;
  /** Starts the sidecar in the pod, which is not ready before it has seen the guard's proof. */
  startSidecar(): Sidecar;
}

export interface PodAgent {
  readonly uid: number;
  readonly agent: Agent;
}

/** In a pod nobody else holds these ports. */
export const TLS_PORT = 8443;
const HTTP_PORT = 8080;
/** The same origin, under a name for each family. */
export const HOST: Readonly<Record<Family, string>> = { ipv4: "allowed.example", ipv6: "a.wild.example" };

/** The problem is why this machine cannot have a pod. */
export async function openPodStage(run: TourRun): Promise<Result<PodStage, string>> {
  const opened = await openPod();
  if (!opened.ok) return opened;
  await using opening = new AsyncDisposableStack();
  const pod = opening.use(opened.value);
  const worker = <Ask, Answer>(name: string, place: readonly string[], ...command: readonly string[]) =>
    opening.use(new LineWorker<Ask, Answer>(name, [...place, process.execPath, ...command], run.signal));
  const agent = (name: string, place: readonly string[]): Agent =>
    worker(name, place, program("quickstart/agent"), run.authorityFile);
  const agentOf = (uid: number): PodAgent => ({ uid, agent: agent(`the agent of UID ${uid}`, pod.inside(uid)) });
  const origin = worker<OriginAsk, OriginAnswer>("the origin", pod.outside(), program("quickstart/origin"));
  const agents = [agentOf(1_000), agentOf(0)] as const;
  const probe = agent("the probe", pod.outside());
  await origin.ask({
    do: "serve",
    address: pod.families.includes("ipv6") ? "::" : "0.0.0.0",
    tlsPort: TLS_PORT,
    httpPort: HTTP_PORT,
    ...run.certificate,
  });
  // Not the run's own directory, nor TMPDIR: root's may be closed to others, and this sidecar is not root.
  const directory = mkdtempSync("/tmp/sluice-quickstart-");
  opening.defer(() => rmSync(directory, { recursive: true, force: true }));
  chownSync(directory, ROUTER_UID, ROUTER_UID);
  const proofFile = join(directory, "guard-proof.json");

  const owned = opening.move();
  return ok({
    families: pod.families,
    agents,
    probe,
    origin,
    inside: pod.inside(),
    proofFile,
    startSidecar: () =>
      owned.use(
        new Sidecar({
          directory: join(directory, "sidecar"),
          signer: run.signer,
          policy: policyOf({
            version: 1,
            now: run.io.now(),
            addresses: [OUTSIDE.ipv4, `[${OUTSIDE.ipv6}]`],
            tlsPort: TLS_PORT,
            httpPort: HTTP_PORT,
          }),
          settings: [`guard: { expected: true, proofFile: ${JSON.stringify(proofFile)} }`],
          hosts: { [HOST.ipv4]: OUTSIDE.ipv4, [HOST.ipv6]: OUTSIDE.ipv6 },
          start: { command: pod.inside(ROUTER_UID), uid: ROUTER_UID },
        }),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}
