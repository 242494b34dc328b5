import type { ApprovalVerb } from "./approve-options.ts";
import { EXIT } from "./cli-io.ts";
import type { KubeFailure } from "./kube-call.ts";

/** Why it was not done, and what to do about it; the text may hold other people's words. */
export interface ApproveProblem {
  readonly exit: number;
  readonly message: string;
}

export interface Sought {
  readonly verb: ApprovalVerb;
  readonly namespace: string;
  readonly name: string;
  /** Undefined: not known yet. */
  readonly user?: string | undefined;
}

const no = (message: string): ApproveProblem => ({ exit: EXIT.no, message });

/** What a refusal of the API server means for who typed the verb. */
export function apiProblem(failure: KubeFailure, sought: Sought): ApproveProblem {
  const { status, reason, message } = failure;
  const { namespace, name, user } = sought;
  switch (status) {
    case 0:
      return { exit: EXIT.unavailable, message: `The API server does not answer. ${message}` };
    case 401:
      return no(
        "The API server does not know who you are: renew the credentials of this context (kubectl auth whoami).",
      );
    case 403:
      return /ValidatingAdmissionPolicy/.test(message) ? no(`Refused: ${message}`) : missingRole(sought, message);
    case 404:
      if (!message.includes(name)) {
        return {
          exit: EXIT.unavailable,
          message: "The cluster has no EgressApprovals: Sluice's CRDs are not installed.",
        };
      }
      return {
        exit: EXIT.usage,
        message: `There is no EgressApproval ${name} in namespace ${namespace}: kubectl get egr -n ${namespace}`,
      };
    case 409:
      return no(`It is being changed by others${user === undefined ? "" : ", too"}: try again.`);
    case 422:
      return no(`Refused: ${message}`);
    default:
      return status === 429 || status >= 500
        ? { exit: EXIT.unavailable, message: `The API server cannot do it now (${status} ${reason}): ${message}` }
        : no(`The API server refuses it (${status} ${reason}): ${message}`);
  }
}

/** RBAC, or the verb that is asked for, says no. */
export function missingRole({ verb, namespace, user }: Sought, detail = ""): ApproveProblem {
  const who = user ?? "You";
  const subject = user === undefined ? "<you>" : shellWord(user);
  const own = verb === "revoke" ? " (or to have asked for it)" : "";
  const grant = `kubectl create rolebinding sluice-approver -n ${namespace} --clusterrole=sluice-approver --user=${subject}`;
  const said = detail === "" ? "" : ` The API server says: ${detail}`;
  return no(
    `${who} may not ${verb} in namespace ${namespace}: it takes the ClusterRole sluice-approver there${own}, which an administrator gives with: ${grant}.${said}`,
  );
}

function shellWord(text: string): string {
  return /^[\w@:./+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
