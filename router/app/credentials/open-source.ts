import { assertNever } from "../../core/base/assert-never.ts";
import type { Millis } from "../../core/base/quantity.ts";
import { fail, ok } from "../../core/base/result.ts";
import { parseAwsKeys } from "../../core/credential/aws-keys.ts";
import { parseKey } from "../../core/credential/inject.ts";
import type { CredentialSource } from "../../core/models/inference-policy.ts";
import type { CredentialEvent } from "./credential-problem.ts";
import { FileSource } from "./file-source.ts";
import { type IssueRooms, issueToken } from "./issue-token.ts";
import type { Source } from "./source.ts";
import { TokenSource } from "./token-source.ts";

export interface SourceRooms extends IssueRooms {
  readonly random: () => number;
  readonly deadline: Millis;
  readonly event: (event: CredentialEvent) => void;
}

/** The life behind a source of the policy; `none` has none. */
export function openSource(rooms: SourceRooms, source: Exclude<CredentialSource, { kind: "none" }>): Source {
  const { clock, deadline, event, random, secretsDirectory: directory } = rooms;
  switch (source.kind) {
    case "file":
      return new FileSource({
        directory,
        file: source.file,
        name: `file ${source.file}`,
        clock,
        deadline,
        event,
        parse(text) {
          const value = parseKey(text);
          if (value === undefined) return fail("it holds something other than a key.");
          return ok({ credential: { kind: "key", value }, secrets: [value] });
        },
      });
    case "awsFile":
      return new FileSource({
        directory,
        file: source.file,
        name: `awsFile ${source.file}`,
        clock,
        deadline,
        event,
        parse(text) {
          const keys = parseAwsKeys(text);
          if (!keys.ok) return keys;
          const { secretAccessKey, sessionToken } = keys.value;
          const secrets = [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])];
          return ok({ credential: { kind: "aws", keys: keys.value }, secrets });
        },
      });
    case "azureWorkloadIdentity":
    case "azureManagedIdentity":
    case "awsWebIdentity":
    case "gcpWorkloadIdentity":
      return new TokenSource({
        name: source.kind,
        clock,
        random,
        deadline,
        event,
        issue: (signal) => issueToken(rooms, source, signal),
      });
    default:
      return assertNever(source);
  }
}
