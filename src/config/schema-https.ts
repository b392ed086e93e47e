/**
 * `https` of a service: what its HTTPS records (RFC 9460) say beside the addresses, which steering
 * picks for each client. Used by schema.ts.
 */
import { z } from "zod";
import { parseBase64 } from "../wire/rdata-tokens.ts";
import { object, oneOrMore, port } from "./values.ts";

const protocol = z
  .string()
  .regex(/^[\x21-\x7e]{1,255}$/, "expected the name of a protocol, such as h2 or h3")
  .meta({ title: "protocol" });
const echConfig = z
  .string()
  .min(1)
  .max(4096)
  .refine((text) => parseBase64(text) !== undefined, "expected an ECHConfigList in base64");

export const httpsSchema = object({
  alpn: oneOrMore(protocol).prefault("h2").describe("Protocols beside HTTP/1.1: h2, h3."),
  port: port.optional().describe("Port to connect to. Default: that of the URL."),
  ech: echConfig.optional().describe("ECHConfigList in base64, passed through as it is."),
  hints: z
    .boolean()
    .default(true)
    .describe("With addresses of the endpoints that are picked for the client."),
});
export type HttpsConfig = z.output<typeof httpsSchema>;
