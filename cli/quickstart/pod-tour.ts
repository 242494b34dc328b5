import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Family, PORTS, ROUTER_UID } from "../../init-egress-guard/settings.ts";
import { LineWorker } from "./line-worker.ts";
import type { OriginAnswer, OriginAsk } from "./origin.ts";
import { openPod, OUTSIDE, POD } from "./pod.ts";
import { policyOf } from "./policy.ts";
import { program } from "./program-files.ts";
import { Sidecar } from "./sidecar.ts";
import { type Agent, answerText, readiness } from "./stage.ts";
import { complaint, runTool } from "./system-tools.ts";
import type { TourRun } from "./tour-run.ts";

/** In a pod nobody else holds these ports. */
const [TLS_PORT, HTTP_PORT] = [8443, 8080] as const;
/** The same origin, under a name for each family. */
const HOST: Readonly<Record<Family, string>> = { ipv4: "allowed.example", ipv6: "a.wild.example" };
const SPOKEN: Readonly<Record<Family, string>> = { ipv4: "IPv4", ipv6: "IPv6" };
/** A refusal by the pod's own kernel takes a millisecond or two. */
const AT_ONCE_MS = 250;

/** The part of the tour that needs root and iptables: agents that try to go around the proxy. Without, says why. */
export async function podTour(run: TourRun): Promise<void> {
  const { steps, signal } = run;
  signal.throwIfAborted();
  steps.part("The guard, in network namespaces of its own: only the sidecar's UID may leave the pod.");
  const opened = await openPod();
  if (!opened.ok) {
    steps.say(`  left out: ${opened.problem}`);
    return;
  }
  await using pod = opened.value;
  await using owned = new AsyncDisposableStack();
  const agentOf = (name: string, place: readonly string[]): Agent =>
    owned.use(
      new LineWorker(name, [...place, process.execPath, program("quickstart/agent"), run.authorityFile], signal),
    );
  const origin = owned.use(
    new LineWorker<OriginAsk, OriginAnswer>(
      "the origin",
      [...pod.outside(), process.execPath, program("quickstart/origin")],
      signal,
    ),
  );
  await origin.ask({
    do: "serve",
    address: pod.families.includes("ipv6") ? "::" : "0.0.0.0",
    tlsPort: TLS_PORT,
    httpPort: HTTP_PORT,
    ...run.certificate,
  });
  const user = { uid: 1_000, agent: agentOf("the agent of UID 1000", pod.inside(1_000)) };
  const root = { uid: 0, agent: agentOf("the agent of UID 0", pod.inside(0)) };

  /** One attempt past the proxy; the origin, too, is asked whether it got through. */
  const around = async (agent: Agent, family: Family): Promise<string> => {
    const before = await origin.ask({ do: "count" });
    const { error, milliseconds } = await agent.ask({ do: "dial", address: OUTSIDE[family], port: TLS_PORT });
    const after = await origin.ask({ do: "count" });
    if (after.connections > before.connections) return "reached the origin";
    return error === "ECONNREFUSED" && milliseconds < AT_ONCE_MS
      ? "refused at once"
      : `${error} after ${milliseconds} ms`;
  };
  const open = new Map<Family, string>();
  for (const family of pod.families) open.set(family, await around(user.agent, family));

  // Not below the run's own directory: that is root's, and this sidecar is not root.
  const directory = mkdtempSync(join(tmpdir(), "sluice-quickstart-"));
  owned.defer(() => rmSync(directory, { recursive: true, force: true }));
  chownSync(directory, ROUTER_UID, ROUTER_UID);
  const proofFile = join(directory, "guard-proof.json");
  const install = ["guard", "install", "--json", "--proof", proofFile];
  const [file = "", ...args] = [...pod.inside(), process.execPath, program("sluice"), ...install];
  const installed = await runTool(file, args, "");
  // Without a report there are no tools here, or a kernel that none of them can use.
  if (installed.status === "missing" || installed.stdout === "") {
    steps.say(`  left out: ${installed.status === "missing" ? "no ip" : complaint(installed.stderr)}`);
    return;
  }
  for (const [family, got] of open) {
    await steps.take(`no guard yet: UID 1000 straight out, ${SPOKEN[family]}`, "reached the origin", () => got);
  }
  await steps.take("the guard installed, read back and tried", "proved", () =>
    installed.code === 0 ? "proved" : complaint(installed.stderr),
  );

  await using sidecar = new Sidecar({
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
  });
  // Where a kubelet asks from.
  const kubelet = agentOf("the probe", pod.outside());
  await steps.take(`the sidecar as UID ${ROUTER_UID}, waiting for that proof`, "ready, v1 loaded", () =>
    readiness(sidecar, kubelet, `http://${POD.ipv4}:${PORTS.admin}`),
  );
  for (const { uid, agent } of [user, root]) {
    for (const family of pod.families) {
      await steps.take(`UID ${uid} straight out, ${SPOKEN[family]}`, "refused at once", () => around(agent, family));
    }
  }
  for (const { uid, agent } of [user, root]) {
    for (const family of pod.families) {
      const url = `https://${HOST[family]}:${TLS_PORT}/`;
      await steps.take(`UID ${uid} through the proxy, ${SPOKEN[family]}`, "200", async () =>
        answerText(await agent.ask({ do: "get", url, proxy: PORTS.forward })),
      );
    }
  }
}
