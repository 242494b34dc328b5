import { assertNever } from "../base/assert-never.ts";
import type { Port } from "../base/quantity.ts";
import { parseHost } from "../wire/host.ts";
import type { CredentialSource, ProviderEndpoint } from "./inference-policy.ts";

/** Azure's instance metadata service: the one place for which a managed identity stands, whatever `addresses` names. */
export const AZURE_IMDS: ProviderEndpoint = Object.freeze({
  scheme: "http",
  host: knownHost("169.254.169.254"),
  port: 80 as Port,
  path: "",
});

function knownHost(text: string): ProviderEndpoint["host"] {
  const host = parseHost(text);
  if (!host.ok) throw new Error(host.problem);
  return Object.freeze(host.value);
}

/** Where a credential is fetched, by the key that names the place in the document; nothing where it is at hand. */
export function credentialEndpoints(
  credential: CredentialSource,
): readonly { readonly key: string; readonly endpoint: ProviderEndpoint }[] {
  switch (credential.kind) {
    case "none":
    case "file":
    case "awsFile":
    case "azureManagedIdentity":
      return [];
    case "azureWorkloadIdentity":
      return [{ key: "authority", endpoint: credential.authority }];
    case "awsWebIdentity":
      return [{ key: "sts", endpoint: credential.sts }];
    case "gcpWorkloadIdentity":
      return [
        { key: "sts", endpoint: credential.sts },
        { key: "iam", endpoint: credential.iam },
      ];
    default:
      return assertNever(credential);
  }
}
