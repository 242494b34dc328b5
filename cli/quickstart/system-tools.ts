import { toolRunner } from "../../init-egress-guard/tool.ts";

/** The whole environment of every program that the tour starts: none of the caller's settings reach them. */
export const SYSTEM_ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C",
} as const;

export const runTool = toolRunner(SYSTEM_ENVIRONMENT);

/** The first line of what a program said of its failure. */
export function complaint(stderr: string): string {
  return stderr.trim().split("\n")[0] ?? "";
}
