import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

/** What the fake answers: by default everything is allowed to bob. A number alone: an empty body with that status. */
export interface Script {
  readonly username?: string;
  /** Verbs that `SelfSubjectAccessReview` grants. */
  readonly allowed?: readonly string[];
  /** Answers to GETs of the object, one after the other; the last stays. */
  readonly objects: readonly (object | number)[];
  /** Answers to PATCHes, one after the other; the last stays. */
  readonly patches?: readonly (object | number)[];
  /** Before every path. */
  readonly prefix?: string;
}

export interface FakeApi extends AsyncDisposable {
  readonly kubeconfig: string;
  readonly directory: string;
  readonly port: number;
  readonly asked: readonly Asked[];
}

/** The API server's clock. */
export const SERVER_TIME = Date.UTC(2026, 10, 21, 12);
const PREFIX = "/apis/sluice.dev/v1alpha1/namespaces/research/egressapprovals/";

/** As much of an API server as `sluice approve` asks. Meets what nobody expects with 501. */
export async function startFakeApi(script: Script): Promise<FakeApi> {
  const asked: Asked[] = [];
  const left = { objects: [...script.objects], patches: [...(script.patches ?? [{}])] };
  const next = (list: (object | number)[]): object | number => (list.length > 1 ? list.shift() : list[0]) ?? 501;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const text = Buffer.concat(parts).toString();
      const body: unknown = text === "" ? undefined : JSON.parse(text);
      const { method = "", url = "", headers } = request;
      asked.push({ method, path: url, authorization: headers.authorization, body });
      const answer = answerTo(method, url, body);
      const status = typeof answer === "number" ? answer : "code" in answer ? Number(answer.code) : 200;
      response.writeHead(status, { "content-type": "application/json", date: new Date(SERVER_TIME).toUTCString() });
      response.end(typeof answer === "number" ? "" : JSON.stringify(answer));
    });
  });
  function answerTo(method: string, url: string, body: unknown): object | number {
    const path = url.slice((script.prefix ?? "").length);
    if (path.endsWith("/selfsubjectreviews")) return { status: { userInfo: { username: script.username ?? "bob" } } };
    if (path.endsWith("/selfsubjectaccessreviews")) {
      const { verb } = (body as { spec: { resourceAttributes: { verb: string } } }).spec.resourceAttributes;
      return { status: { allowed: (script.allowed ?? ["patch", "approve"]).includes(verb) } };
    }
    if (!path.startsWith(PREFIX)) return 501;
    if (method === "GET") return next(left.objects);
    return method === "PATCH" ? next(left.patches) : 501;
  }
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const directory = mkdtempSync(join(tmpdir(), "sluice-approve-"));
  const kubeconfig = join(directory, "config");
  writeFileSync(kubeconfig, kubeconfigOf(`http://127.0.0.1:${port}${script.prefix ?? ""}`));
  return {
    kubeconfig,
    directory,
    port,
    asked,
    async [Symbol.asyncDispose]() {
      rmSync(directory, { recursive: true });
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export function kubeconfigOf(server: string): string {
  return JSON.stringify({
    clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token: "secret-token" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "research" } }],
    "current-context": "x",
  });
}
