import { millis } from "../../core/base/quantity.ts";
import type { ModelSink } from "../../edge/upstream/model-call.ts";
import type { ServerRoute } from "./server-routes.ts";

/** Refusals under way to one server; what is beyond that a server must do without. */
const MOST = 16;
const TIMEOUTS = { firstByte: millis(10_000), idle: millis(10_000), total: millis(10_000) } as const;

const underWay = new WeakMap<ServerRoute, number>();

/** Whatever a server says to a refusal is for nobody. */
class Nobody implements ModelSink {
  readonly #over: () => void;

  constructor(over: () => void) {
    this.#over = over;
  }

  head(): void {
    // Not looked at.
  }

  data(): boolean {
    return true;
  }

  end(): void {
    this.#over();
  }
}

/** Tells a server, in the agent's place, that a request of its own is refused. `fields` are those of the session. */
export async function refuseServer(route: ServerRoute, fields: readonly string[], text: string): Promise<void> {
  const now = underWay.get(route) ?? 0;
  if (now >= MOST) return;
  underWay.set(route, now + 1);
  const over = (): void => void underWay.set(route, (underWay.get(route) ?? 1) - 1);
  const credential = await route.credential();
  if (!credential.ok) return over();
  const body = Buffer.from(text);
  const kept: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (KEPT.has(fields[at] ?? "")) kept.push(fields[at] ?? "", fields[at + 1] ?? "");
  }
  const headers = [...kept, ...credential.value, "content-type", "application/json", "accept", ACCEPT];
  route.client.send(
    { method: "POST", path: route.server.endpoint.path, headers, body: [body], length: body.length },
    new Nobody(over),
    TIMEOUTS,
  );
}

/** Of the request on whose answer the server asked. */
const KEPT: ReadonlySet<string> = new Set(["mcp-protocol-version", "mcp-session-id"]);
const ACCEPT = "application/json, text/event-stream";
