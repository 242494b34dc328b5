import { createServer } from "node:https";
import { admissionWebhooks } from "../../controller/admission/handlers.ts";
import { openAdmissionServer, type ServedPair } from "../../controller/admission/admission-server.ts";
import { injectionConfig } from "../../test/fakes/agent-pod.ts";
import { quantiles } from "../inference/quantiles.ts";

/** What this process is told first: whom to play, with what certificate. `bare` answers these octets to whatever is sent. */
export interface WebhookOrder {
  readonly pair: ServedPair;
  readonly bare?: string;
}

/** What it says of itself at each further message, since the message before. */
export interface WebhookFigures {
  /** Reviews. */
  readonly count: number;
  /** Milliseconds from a review's head to the end of its answer, as the webhook's own metric has them. */
  readonly p50: number;
  readonly p99: number;
  /** Processor time of all threads, in microseconds. */
  readonly cpuMicros: number;
}

/** The webhook alone in a process, as little beside it as can be: its memory is looked at. Or a bare HTTPS server. */
let seconds: number[] = [];
let cpu = process.cpuUsage();

process.once("message", (order: WebhookOrder) => void play(order));
process.once("disconnect", () => process.exit());

async function play({ pair, bare }: WebhookOrder): Promise<void> {
  const port = bare === undefined ? await openWebhook(pair) : await openBare(pair, bare);
  process.on("message", tell);
  process.send?.(port);
}

function tell(): void {
  const { user, system } = process.cpuUsage(cpu);
  const at = quantiles(seconds);
  const figures: WebhookFigures = {
    count: seconds.length,
    p50: at(0.5) * 1_000,
    p99: at(0.99) * 1_000,
    cpuMicros: user + system,
  };
  seconds = [];
  cpu = process.cpuUsage();
  process.send?.(figures);
}

async function openWebhook(pair: ServedPair): Promise<number> {
  const server = await openAdmissionServer({
    port: 0,
    host: "127.0.0.1",
    webhooks: admissionWebhooks({
      namespace: "sluice-system",
      exemptNamespaces: ["kube-system"],
      injection: injectionConfig(),
    }),
    observe: (observation) => seconds.push(observation.seconds),
    fault: (thrown) => {
      throw thrown;
    },
  });
  server.serve(pair);
  return server.port;
}

/** What Node, TLS, this machine and the client take by themselves. */
async function openBare({ certificate, key }: ServedPair, text: string): Promise<number> {
  const answer = Buffer.from(text);
  const server = createServer({ cert: certificate, key, noDelay: true }, (request, response) => {
    const began = performance.now();
    request.resume().once("end", () => {
      response.writeHead(200, { "Content-Type": "application/json", "Content-Length": answer.length });
      response.end(answer);
    });
    response.once("close", () => seconds.push((performance.now() - began) / 1_000));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const at = server.address();
  if (at === null || typeof at === "string") throw new Error("a TCP server that listens has an address");
  return at.port;
}
