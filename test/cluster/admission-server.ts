import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createClusterCa } from "./cluster-ca.ts";
import type { KubeObject } from "./api-request.ts";

export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly subResource?: string;
  readonly dryRun?: boolean;
  readonly userInfo: { readonly username: string };
  readonly object: KubeObject;
}

/** Of an AdmissionReview of v1, without its uid. */
export interface AdmissionAnswer {
  readonly allowed: boolean;
  /** JSON Patch operations (RFC 6902). */
  readonly patch?: readonly object[];
  readonly message?: string;
}

/** A webhook on loopback, known as 127.0.0.1 and by `names`, under an authority of its own. */
export interface AdmissionServer extends AsyncDisposable {
  readonly port: number;
  /** Base64 of the PEM, as `clientConfig` wants it. */
  readonly caBundle: string;
  readonly seen: AdmissionRequest[];
}

export async function startAdmissionServer(
  names: readonly string[],
  decide: (request: AdmissionRequest) => AdmissionAnswer,
): Promise<AdmissionServer> {
  const ca = createClusterCa();
  const { certificatePem, keyPem } = ca.server(names, ["127.0.0.1"]);
  const seen: AdmissionRequest[] = [];
  const server = createServer({ key: keyPem, cert: certificatePem }, (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const asked = (JSON.parse(Buffer.concat(parts).toString()) as { request: AdmissionRequest }).request;
      seen.push(asked);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(review(asked.uid, decide(asked))));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: Buffer.from(ca.certificatePem).toString("base64"),
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function review(uid: string, { allowed, patch, message }: AdmissionAnswer): unknown {
  const response = {
    uid,
    allowed,
    ...(message === undefined ? {} : { status: { message } }),
    ...(patch === undefined
      ? {}
      : { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") }),
  };
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response };
}
