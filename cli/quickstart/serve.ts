import type { LocalStage } from "./local-stage.ts";
import type { TourRun } from "./tour-run.ts";
export async function serve(run: TourRun, stage: LocalStage): Promise<void> { run.steps.say("later" + stage.admin); }
export function nextCommands(): string { return ""; }
