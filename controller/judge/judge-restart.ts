import type { JsonObject } from "../pod/pod.ts";
import { objectsAt, valueAt } from "./member.ts";
import type { Report } from "./report.ts";

/** A restart of all containers runs those of Sluice again beside what the application left behind. */
export function judgeRestartRules(container: JsonObject, path: string, report: Report): void {
  const rules = objectsAt(container, "restartPolicyRules", path, report);
  const index = rules.findIndex((rule) => valueAt(rule, "action") === "RestartAllContainers");
  if (index < 0) return;
  report(
    "restart_all",
    `${path}.restartPolicyRules[${index}]`,
    "Remove this rule, or let it restart its own container: Sluice's are not the application's to restart.",
  );
}
