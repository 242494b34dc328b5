import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { startController } from "../../controller/start-controller.ts";
import { systemClock } from "../../router/app/clock.ts";
import { openLog } from "../../router/edge/log/log.ts";
import { configOf, type Manifest, NAMESPACE, one } from "./chart-render.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";

export interface Running {
  ready(): Promise<void>;
  unhindered(): Promise<void>;
}

/** The controller with the settings that the chart rendered and the token of the account that the chart made. */
export async function runController(
  cluster: Cluster,
  objects: readonly Manifest[],
  owner: { after(end: () => Promise<void>): void },
): Promise<Running> {
  const token = await cluster.serviceAccountToken(NAMESPACE, "sluice-controller");
  const config = configOf(objects);
  const trustDirectory = join(cluster.directory, "trust");
  mkdirSync(trustDirectory);
  const { data = {} } = one(objects, "ConfigMap", "sluice-controller-trust");
  for (const [file, content] of Object.entries(data)) writeFileSync(join(trustDirectory, file), content);
  const lines: string[] = [];
  const output = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const running = await startController({
    config: { ...config, trustDirectory },
    endpoint: {
      url: cluster.url,
      ca: { text: cluster.caPem },
      credential: { kind: "token", token: { text: token } },
    },
    version: "1.2.3",
    identity: "controller-0",
    clock: systemClock,
    random: Math.random,
    log: openLog("info", output),
  });
  assert.ok(running.ok, running.ok ? "" : running.problem);
  owner.after(async () => running.value.stop());
  cluster.serveService(NAMESPACE, config.service, running.value.webhookPort);
  const admin = async (path: string): Promise<{ readonly status: number; readonly said: string }> => {
    const answer = await fetch(`http://127.0.0.1:${config.listen.adminPort}${path}`);
    return { status: answer.status, said: await answer.text() };
  };
  return {
    ready: async () =>
      eventually(async () => {
        const { status, said } = await admin("/readyz");
        assert.equal(status, 200, said + lines.join(""));
      }),
    async unhindered() {
      await eventually(async () => {
        const { said } = await admin("/status");
        const { conditions } = JSON.parse(said) as { conditions: readonly { name: string; state: string }[] };
        const states = conditions.map(({ name, state }) => `${name} ${state}`);
        assert.deepEqual(states, ["certificate ok", "reconciler ok"], said);
      }, 5_000);
      assert.doesNotMatch(lines.join(""), /forbidden|"level":"?error/iu);
      const metrics = (await admin("/metrics")).said;
      assert.match(metrics, /sluice_reconciles_total\{kind="namespace",outcome="changed"\} [1-9]/u);
      // A policy's status may have been overtaken by its own last write, and is written again.
      assert.doesNotMatch(metrics, /kind="(?:namespace|approval)",outcome="failed"\} [1-9]/u);
    },
  };
}
