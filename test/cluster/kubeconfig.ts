import type { Credential } from "./cluster-ca.ts";

export type Identity = { readonly credential: Credential } | { readonly token: string };

/** A kubeconfig that holds all it needs; JSON is YAML. */
export function kubeconfig(url: string, caPem: string, identity: Identity): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const user =
    "token" in identity
      ? { token: identity.token }
      : {
          "client-certificate-data": base64(identity.credential.certificatePem),
          "client-key-data": base64(identity.credential.keyPem),
        };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server: url, "certificate-authority-data": base64(caPem) } }],
    users: [{ name: "test", user }],
    contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    "current-context": "test",
  });
}
