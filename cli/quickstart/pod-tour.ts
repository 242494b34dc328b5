import type { TourRun } from "./tour-run.ts";
export async function podTour(run: TourRun): Promise<void> { run.steps.say("later"); }
