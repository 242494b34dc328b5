import type { Brand } from "../base/brand.ts";
export type Hostname = Brand<string, "Hostname">;
