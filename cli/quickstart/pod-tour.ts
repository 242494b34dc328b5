import { type Family, PORTS, ROUTER_UID } from "../../init-egress-guard/settings.ts";
import { OUTSIDE, POD } from "./pod.ts";
import { HOST, openPodStage, type PodStage, TLS_PORT } from "./pod-stage.ts";
import { program } from "./program-files.ts";
import { type Agent, answerText, readiness } from "./stage.ts";
import { complaint, runTool } from "./system-tools.ts";
import type { TourRun } from "./tour-run.ts";

const SPOKEN: Readonly<Record<Family, string>> = { ipv4: "IPv4", ipv6: "IPv6" };
/** A refusal by the pod's own kernel takes a millisecond or two. */
const AT_ONCE_MS = 250;

/** The part of the tour that needs root and iptables: agents that try to go around the proxy. Without, says why. */
export async function podTour(run: TourRun): Promise<void> {
  const { steps, signal } = run;
  signal.throwIfAborted();
  steps.part("The guard, in network namespaces of its own: only the sidecar's UID may leave the pod.");
  const opened = await openPodStage(run);
  if (!opened.ok) {
    steps.say(leftOut(opened.problem));
    return;
  }
  await using stage = opened.value;
  const { families, agents } = stage;
  const [{ agent: first, uid }] = agents;
  const open = new Map<Family, string>();
  for (const family of families) open.set(family, await around(stage, first, family));
  const guard = await installGuard(stage);
  if (guard.kind === "impossible") {
    steps.say(leftOut(guard.why));
    return;
  }

  for (const [family, got] of open) {
    await steps.take(`no guard yet: UID ${uid} straight out, ${SPOKEN[family]}`, "connected", () => got);
  }
  await steps.take("the guard installed, read back and tried", "proved", () => guard.outcome);
  const sidecar = stage.startSidecar();
  await steps.take(`the sidecar as UID ${ROUTER_UID}, waiting for that proof`, "ready, v1 loaded", () =>
    readiness(sidecar, stage.probe, `http://${POD.ipv4}:${PORTS.admin}`),
  );
  const each = agents.flatMap((agent) => families.map((family) => ({ ...agent, family })));
  for (const { uid: who, agent, family } of each) {
    await steps.take(`UID ${who} straight out, ${SPOKEN[family]}`, "refused at once", () =>
      around(stage, agent, family),
    );
  }
  for (const { uid: who, agent, family } of each) {
    const url = `https://${HOST[family]}:${TLS_PORT}/`;
    await steps.take(`UID ${who} through the proxy, ${SPOKEN[family]}`, "200", async () =>
      answerText(await agent.ask({ do: "get", url, proxy: PORTS.forward })),
    );
  }
}

/** One attempt past the proxy. Of a refusal the origin, too, is asked whether it got through. */
async function around({ origin }: PodStage, agent: Agent, family: Family): Promise<string> {
  const before = await origin.ask({ do: "count" });
  const { error, milliseconds } = await agent.ask({ do: "dial", address: OUTSIDE[family], port: TLS_PORT });
  const after = await origin.ask({ do: "count" });
  if (error === "") return "connected";
  if (after.connections > before.connections) return `${error}, but the origin was reached`;
  const refused = error === "ECONNREFUSED" && milliseconds < AT_ONCE_MS;
  return refused ? "refused at once" : `${error} after ${milliseconds} ms`;
}

const GUARD_SAYS = "sluice guard: ";

type Guard =
  | { readonly kind: "tried"; readonly outcome: string }
  | { readonly kind: "impossible"; readonly why: string };

/** `sluice guard install` in the pod. Without a report it says why nothing can be installed here: no tools, or a kernel that none of them can use. */
async function installGuard({ inside, proofFile }: PodStage): Promise<Guard> {
  const install = ["guard", "install", "--json", "--proof", proofFile];
  const [file = "", ...args] = [...inside, process.execPath, program("sluice"), ...install];
  const ran = await runTool(file, args, "");
  if (ran.status === "missing") return { kind: "impossible", why: `there is no program ${file} here` };
  const why = complaint(ran.stderr);
  if (ran.stdout === "" && why.startsWith(GUARD_SAYS)) return { kind: "impossible", why: why.slice(GUARD_SAYS.length) };
  return { kind: "tried", outcome: ran.code === 0 ? "proved" : why };
}

function leftOut(why: string): string {
  return `  left out, for it needs root, network namespaces and iptables: ${why}`;
}
