import { startAuditor } from "./audit-step.ts";
import { approvalSteps } from "./approval-steps.ts";
import { auditSteps } from "./audit-steps.ts";
import { governanceSteps } from "./governance-steps.ts";
import type { LocalStage } from "./local-stage.ts";
import { modelSteps } from "./model-steps.ts";
import { otherWildcard } from "./policy.ts";
import { recordedReason } from "./recorded.ts";
import { createSigner } from "./signer.ts";
import { answerText, policyBecomes, readiness, stateText } from "./stage.ts";
import type { TourRun } from "./tour-run.ts";

/**
 * The part of the tour that needs no privilege. Leaves version 4 of the egress policy, with the rules of version 1,
 * version 2 of the models' and version 1 of the actions' in force.
 */
export async function tour(run: TourRun, stage: LocalStage): Promise<void> {
  const { steps, signer } = run;
  const { agent, origin, sidecar, proxy, admin, tlsPort, httpPort } = stage;

  const ask = async (url: string): Promise<string> => answerText(await agent.ask({ do: "get", url, proxy }));
  const tries = async (what: string, url: string, expected: string): Promise<void> =>
    steps.take(what, expected, () => ask(url), url);
  const https = (host: string): string => `https://${host}:${tlsPort}/`;
  const http = (path: string): string => `http://allowed.example:${httpPort}${path}`;
  const becomes = async (what: string, expected: string, publish: () => void): Promise<void> =>
    steps.take(what, expected, async () => {
      publish();
      return stateText(await policyBecomes(agent, admin, (text) => text === expected));
    });

  steps.part("The sidecar starts, checks the signature of its policy, and lets through what the policy names.");
  await steps.take("start with a policy signed by the pinned key", "ready, v1 loaded", () =>
    readiness(sidecar, agent, admin),
  );
  await tries("an allowed host", https("allowed.example"), "200");
  await tries("a host under *.wild.example", https("a.wild.example"), "200");
  await tries("a host that no rule names", https("evil.example"), "403 host_not_allowed");
  await tries("a host that a deny rule names", https("secret.wild.example"), "403 denied_by_rule");
  await tries("an allowed host on another port", "https://allowed.example:22/", "403 port_not_allowed");
  await steps.take("another name (SNI) in an allowed tunnel", "cut: sni_mismatch", async () => {
    const before = await origin.ask({ do: "count" });
    const answer = await agent.ask({ do: "get", url: https("allowed.example"), proxy, serverName: "evil.example" });
    if (answer.status !== 0) return answerText(answer);
    const reason = await recordedReason(sidecar.audit, answer.request);
    const { octets } = await origin.ask({ do: "count" });
    if (before.octets === 0) return "the origin counts nothing, not even what was allowed";
    return octets === before.octets ? `cut: ${reason}` : `cut: ${reason}, after octets had reached the origin`;
  });
  await tries(
    "an allowed name that leads to 169.254.169.254",
    https("metadata.wild.example"),
    "403 address_not_allowed",
  );
  await tries("the cloud's metadata address itself", "http://169.254.169.254/latest/", "403 host_not_allowed");
  await tries("plain HTTP, an allowed path", http("/public/page"), "200");
  await tries("plain HTTP, any other path", http("/private"), "403 path_not_allowed");

  await using auditor = startAuditor(run);
  steps.part(
    "The policy changes while tunnels are open. Whatever does not count leaves the last good version in force.",
  );
  await steps.take("two tunnels, opened and kept", "200, 200", async () => {
    const losing = await agent.ask({ do: "open", name: "losing", url: https("a.wild.example"), proxy });
    const keeping = await agent.ask({ do: "open", name: "keeping", url: https("allowed.example"), proxy });
    return `${answerText(losing)}, ${answerText(keeping)}`;
  });
  const changed = otherWildcard(stage.policy(2));
  await becomes("version 2: *.other.example, no more *.wild.example", "v2 loaded", () => sidecar.publish(changed));
  await tries("the host that is allowed now", https("a.other.example"), "200");
  await steps.take("the open tunnel that lost its rule", "cut: host_not_allowed", async () => {
    const { error, request } = await agent.ask({ do: "ended", name: "losing" });
    return error === "" ? `cut: ${await recordedReason(sidecar.audit, request)}` : error;
  });
  await steps.take("one more request in the tunnel that kept its rule", "200", async () =>
    answerText(await agent.ask({ do: "again", name: "keeping" })),
  );
  const third = stage.policy(3);
  const widened = third.replace("hosts: [allowed.example]", "hosts: [allowed.example, evil.example]");
  await becomes("version 3, edited after it was signed", "v2 degraded: digest_mismatch", () =>
    sidecar.publish(widened, signer.sign(third)),
  );
  await becomes("version 3, signed with somebody else's key", "v2 degraded: signer_unknown", () =>
    sidecar.publish(widened, createSigner().sign(widened)),
  );
  await becomes("version 1 again, rightly signed as it was", "v2 degraded: rolled_back", () =>
    sidecar.publish(stage.policy(1)),
  );
  await tries("what the edited policy would have allowed", https("evil.example"), "403 host_not_allowed");
  await becomes("version 4, rightly signed: the first rules again", "v4 loaded", () =>
    sidecar.publish(stage.policy(4)),
  );

  await modelSteps(run, stage, auditor);
  const judged = await governanceSteps(run, stage);
  await approvalSteps(run, stage, auditor, judged);
  await auditSteps(run, stage, auditor);
}
