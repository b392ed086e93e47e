/** The battery of server.test.ts against worker threads around batched sockets. */
import { test } from "node:test";
import { openLibc } from "../../src/lib/libc.ts";
import { udpKind } from "../support/udp-kind.ts";

if (openLibc() === undefined) test("UDP workers", { skip: "no FFI on this platform" });
else {
  udpKind.workers = 2;
  await import("./server.test.ts");
  await import("./cookies.test.ts");
}
