import type { Brand } from "../base/brand.ts";
export type IpAddress = Brand<string, "IpAddress">;
