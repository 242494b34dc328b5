import { boolean } from "../document/boolean-shape.ts";
import { exactlyOneOf } from "../document/conditions.ts";
import { defaulted, optional, required } from "../document/field.ts";
import { object } from "../document/object-shape.ts";
import { refined } from "../document/refined-shape.ts";
import { secretFile } from "../document/secret-file-shape.ts";
import type { Shape } from "../document/shape.ts";
import { text } from "../document/text-shape.ts";
import type { CredentialSource, ProviderApi, ProviderEndpoint } from "./inference-policy.ts";
import { parseProviderEndpoint, providerEndpoint } from "./provider-endpoint.ts";

/** It becomes part of a URL's path or of a form. */
const identifier = text({
  code: "bad_identifier",
  pattern: /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
  hint: "an identifier is made of letters, digits, dots and hyphens.",
});

const uri = text({
  code: "bad_uri",
  pattern: /^[A-Za-z0-9:/._~@-]+$/,
  hint: "a URI without query is needed.",
  maximum: 512,
});

const region = text({
  code: "bad_region",
  pattern: /^[a-z]{2,8}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2}$/,
  hint: "a region is written as eu-central-1 is.",
});

const role = text({
  code: "bad_role",
  pattern: /^arn:aws[a-z-]{0,16}:iam::[0-9]{12}:role\/[\w+=,.@/-]{1,512}$/,
  hint: "a role is named by its ARN, arn:aws:iam::<account>:role/<name>.",
});

const email = text({
  code: "bad_service_account",
  pattern: /^[a-z0-9][a-z0-9.-]{0,127}@[a-z0-9][a-z0-9.-]{0,127}$/,
  hint: "a service account is named by its e-mail address.",
});

const tokenFile = required(secretFile, "The pod's projected token, a file of the secrets directory.");

const sources = {
  none: optional(
    refined(
      boolean,
      (value, node, report) => {
        if (value) return value;
        report.add(node, "bad_credential", "Only none: true is of use; otherwise name the credential.");
        return undefined;
      },
      { const: true },
    ),
    "true: the provider asks for no credential, and gets none.",
  ),
  file: optional(secretFile, "A file of the secrets directory whose content is the key."),
  azureWorkloadIdentity: optional(
    object({
      tenant: required(identifier, "The Entra tenant."),
      client: required(identifier, "The client id of the identity."),
      tokenFile,
      authority: defaulted(providerEndpoint, "https://login.microsoftonline.com", "Where the token is exchanged."),
      scope: defaulted(uri, "https://cognitiveservices.azure.com/.default", "What the token is asked for."),
    }),
    "A projected token exchanged at Entra ID.",
  ),
  azureManagedIdentity: optional(
    object({
      client: optional(identifier, "The client id of a user-assigned identity; without it, the node's own."),
      resource: defaulted(uri, "https://cognitiveservices.azure.com", "What the token is asked for."),
    }),
    "The node's managed identity, asked of the metadata service by the router alone.",
  ),
  awsWebIdentity: optional(
    object({
      role: required(role, "The role to assume."),
      region: required(region, "The region that requests are signed for."),
      tokenFile,
      sts: optional(providerEndpoint, "The Security Token Service; without it, that of the region."),
    }),
    "A projected token exchanged for the keys of a role; requests are signed.",
  ),
  awsFile: optional(
    object({
      file: required(secretFile, "Access key id, secret access key and, if there is one, session token, a line each."),
      region: required(region, "The region that requests are signed for."),
    }),
    "Keys from a file of the secrets directory; requests are signed.",
  ),
  gcpWorkloadIdentity: optional(
    object({
      audience: required(uri, "The full name of the workload identity provider."),
      tokenFile,
      serviceAccount: optional(email, "The service account to act as."),
      sts: defaulted(providerEndpoint, "https://sts.googleapis.com", "The Security Token Service."),
      iam: defaulted(providerEndpoint, "https://iamcredentials.googleapis.com", "The IAM Credentials service."),
    }),
    "A projected token exchanged by workload identity federation.",
  ),
};

type SourceKey = CredentialSource["kind"];

/** Exactly one source, said by its name: a provider without a credential says so. */
export const credential: Shape<CredentialSource> = refined(
  object(
    sources,
    exactlyOneOf(
      Object.keys(sources) as readonly SourceKey[],
      "bad_credential",
      `A credential has exactly one source: ${Object.keys(sources).join(", ")}.`,
    ),
  ),
  (given): CredentialSource | undefined => {
    if (given.none !== undefined) return { kind: "none" };
    if (given.file !== undefined) return { kind: "file", file: given.file };
    if (given.azureWorkloadIdentity !== undefined) {
      return { kind: "azureWorkloadIdentity", ...given.azureWorkloadIdentity };
    }
    if (given.azureManagedIdentity !== undefined)
      return { kind: "azureManagedIdentity", ...given.azureManagedIdentity };
    if (given.awsWebIdentity !== undefined) {
      const { sts = regionalSts(given.awsWebIdentity.region), ...rest } = given.awsWebIdentity;
      return { kind: "awsWebIdentity", ...rest, sts };
    }
    if (given.awsFile !== undefined) return { kind: "awsFile", ...given.awsFile };
    if (given.gcpWorkloadIdentity !== undefined) return { kind: "gcpWorkloadIdentity", ...given.gcpWorkloadIdentity };
    return undefined;
  },
);

function regionalSts(name: string): ProviderEndpoint {
  const parsed = parseProviderEndpoint(`https://sts.${name}.amazonaws.com${name.startsWith("cn-") ? ".cn" : ""}`);
  if (!parsed.ok) throw new Error(`a region came unchecked: ${parsed.problem}`);
  return parsed.value;
}

/** Which sources an API can be called with. */
export const CREDENTIALS_OF: Readonly<Record<ProviderApi, readonly SourceKey[]>> = {
  // Also Azure's and Vertex AI's OpenAI-compatible surfaces.
  openai: ["none", "file", "azureWorkloadIdentity", "azureManagedIdentity", "gcpWorkloadIdentity"],
  azure: ["none", "file", "azureWorkloadIdentity", "azureManagedIdentity"],
  anthropic: ["none", "file", "azureWorkloadIdentity", "azureManagedIdentity"],
  gemini: ["none", "file", "gcpWorkloadIdentity"],
  bedrock: ["awsWebIdentity", "awsFile"],
  ollama: ["none", "file"],
};
