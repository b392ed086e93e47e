/**
 * What people see: the regions and their health, commands to paste, and then one line per change.
 */
import { styleText } from "node:util";
import type { EndpointDescription } from "../world/describe.ts";
import { digCommand, whyCommand } from "./dns-client.ts";
import {
  accountsName,
  type DemoPaths,
  type DemoPorts,
  demoHost,
  demoRegions,
  demoTimes,
  shopName,
} from "./layout.ts";

export type Say = (line: string) => void;

export function clockText(nowMs: number): string {
  const time = new Date(nowMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
}

export function regionLines(
  endpoints: ReadonlyMap<string, EndpointDescription>,
): readonly string[] {
  return demoRegions.map(({ name, city, addresses }) => {
    const states = addresses.map((address) => {
      const state = endpoints.get(address)?.state ?? "unknown";
      const style = state === "up" ? "green" : state === "down" ? "red" : "yellow";
      return `${address} ${styleText(style, state)}`;
    });
    return `  ${styleText("bold", name)}  ${city.padEnd(10)} ${states.join("   ")}`;
  });
}

/** The commands a visitor pastes into a second terminal. */
export function introduction(paths: DemoPaths, ports: DemoPorts): readonly string[] {
  const digs = demoRegions.map(({ client }) => {
    const command = digCommand({ name: shopName, subnet: client.subnet }, ports.dns);
    return `  ${command}   # ${client.people}`;
  });
  const japanese = demoRegions.find(({ name }) => name === "ap")?.client;
  const accounts = { name: accountsName, subnet: japanese?.subnet ?? "" };
  return [
    `The configuration is ${paths.config} (an ordinary one; save it and it reloads),`,
    `the server's log ${paths.serverLog}.`,
    `Regions return quickly here (hold ${demoTimes.holdMs / 1000}s, ramp ${demoTimes.rampMs / 1000}s) so that you can watch; by default it is 1m and 5m.`,
    "",
    "Ask, in another terminal, as a client from somewhere:",
    ...digs,
    `  ${digCommand(accounts, ports.dns)}   # Japanese, but this one may not leave the EU`,
    `  curl -si -H 'Host: ${shopName}' -H 'X-Forwarded-For: ${japanese?.address}' 'http://${demoHost}:${ports.redirect}/cart?id=7'`,
    "",
    "Break a region, and mend it (kill, stop, drop, revive):",
    "  bin/rhumb demo kill eu",
    "  bin/rhumb demo revive eu",
    "",
    "Ask why, see what is believed, take a region out by hand:",
    `  ${whyCommand({ name: shopName, subnet: accounts.subnet }, ports.dns)}`,
    `  bin/rhumb explain ${shopName} --client ${demoRegions[0]?.client.address} --state ${paths.state}`,
    `  bin/rhumb world --state ${paths.state}`,
    `  bin/rhumb drain region:us --reason 'trying it' --for 5m --state ${paths.state}`,
    "",
    "Ctrl-C ends everything. `npm start -- --script failover` shows and checks a failover by itself.",
  ];
}
