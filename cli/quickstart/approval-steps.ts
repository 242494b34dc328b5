import { unlinkSync } from "node:fs";
import { join } from "node:path";
import type { AgentAnswer } from "./agent.ts";
import type { Auditor } from "./audit-step.ts";
import type { Judged } from "./governance-steps.ts";
import type { LocalStage } from "./local-stage.ts";
import { approve, manifestOf } from "./operator.ts";
import { notRecorded, type Recorded, recordedReason } from "./recorded.ts";
import { answerText } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

/** Of the tour's policy for actions: a person has to allow it. */
const HOST = "reports.wild.example";
const NAME = "reports";
/** Seconds that the agent waits for a person. */
const PATIENCE = 4;
/** What becomes of the approval in this tour, as its records have it. */
const LIFE = ["asked", "granted", "used", "used_up", "revoked"] as const;
const ON_RECORD = "every verdict, the approval's life";

interface Request {
  readonly id: string;
  readonly state: string;
  readonly digest: string;
}

/** Access that the agent asks for, and a person allows, once, and takes back; then that all of it is on record. */
export async function approvalSteps(
  run: TourRun,
  stage: LocalStage,
  auditor: Auditor,
  judged: readonly Judged[],
): Promise<void> {
  const { steps } = run;
  const { agent, sidecar, proxy, agentApi, tlsPort } = stage;
  const url = `https://${HOST}:${tlsPort}/`;
  const statusArgs = ["--address", stage.admin.replace("http://", "")];
  const approval = join(sidecar.approvals, `${NAME}.yaml`);
  let refused = "";
  let asked: Request | undefined;

  steps.part("Access that a person has to allow: the agent asks, an operator approves it once, and takes it back.");
  await steps.take(
    "a host that a person has to allow",
    "403 approval_required",
    async () => {
      const answer = await agent.ask({ do: "get", url, proxy });
      refused = answer.status === 403 ? howToAsk(answer) : "";
      return `${answerText(answer)}\n${refused}`;
    },
    url,
  );
  await steps.take("asked for, just as the refusal says", "202 pending", async () => {
    const [, path = "", body = ""] = /^POST (\S+) on the agent API with (\{.*\}), then/.exec(refused) ?? [];
    const wanted = { ...(JSON.parse(body) as object), reason: "The report of this month." };
    const answer = await agent.ask({ do: "call", url: agentApi + path, body: wanted });
    asked = JSON.parse(answer.body) as Request;
    return `${answerText(answer)} ${asked.state}`;
  });
  await steps.take("an operator applies what it asks for, approved", "approved", async () => {
    if (asked === undefined) return "nothing was asked for";
    const waiting = `${agentApi}/egress/v1/requests/${asked.id}?wait=${PATIENCE}`;
    const { digest } = asked;
    const applied = async (): Promise<string> => {
      const manifest = await manifestOf(auditor, statusArgs, digest);
      approve(approval, manifest, run.io.now());
      return manifest;
    };
    const [{ body }, manifest] = await Promise.all([agent.ask({ do: "call", url: waiting }), applied()]);
    return `${(JSON.parse(body) as Request).state}\n${manifest.slice(manifest.indexOf("spec:"))}`;
  });
  await steps.take(
    "the same host now",
    "200",
    async () => answerText(await agent.ask({ do: "open", name: NAME, url, proxy })),
    url,
  );
  await steps.take("once more: it was approved for once", "403 approval_expired", async () =>
    answerText(await agent.ask({ do: "get", url, proxy })),
  );
  await steps.take("sluice status: what is approved", "exit 0: 0 of 1 use left", async () => {
    const { exit, stdout, stderr } = await auditor.ask({ verb: "status", argv: statusArgs });
    const told = stdout.split("\n").filter((line) => /^ +(?:\w+ +governance$|approved|asked for) ?/.test(line));
    const [left = stderr.trim()] = /[0-9]+ of [0-9]+ uses? left/.exec(told.join("\n")) ?? [];
    return [`exit ${exit}: ${left}`, `$ sluice status ${statusArgs.join(" ")}`, ...told].join("\n");
  });
  await steps.take("the approval removed: the tunnel that is open", "cut: approval_expired", async () => {
    const open = await agent.ask({ do: "again", name: NAME });
    if (open.status !== 200) return `it was not open: ${answerText(open)}`;
    unlinkSync(approval);
    const { error, request } = await agent.ask({ do: "ended", name: NAME });
    return error === "" ? `cut: ${await recordedReason(sidecar.audit, request)}` : error;
  });
  await steps.take("all of that, in the audit log", ON_RECORD, async () => {
    if (judged.length === 0 || asked === undefined) return "there is nothing to look for";
    const { digest } = asked;
    const wanted: readonly (readonly [name: string, isIt: (record: Recorded) => boolean])[] = [
      ...judged.map(({ id, decision }) => {
        const recorded = decision === "allow" ? "allow" : "deny";
        return [id, (record: Recorded) => record.request === id && record.decision === recorded] as const;
      }),
      ...LIFE.map((what) => {
        return [
          what,
          ({ kind, action, detail }: Recorded) => kind === "approval" && action === what && detail["digest"] === digest,
        ] as const;
      }),
    ];
    const missing = await notRecorded(sidecar.audit, new Map(wanted));
    return missing.length === 0 ? ON_RECORD : `not there: ${missing.join(", ")}`;
  });
}

/** The sentence of a refusal for who may ask for what was refused. */
function howToAsk({ body }: AgentAnswer): string {
  const { error } = JSON.parse(body) as { readonly error: { readonly how_to_request?: string } };
  return error.how_to_request ?? "";
}
