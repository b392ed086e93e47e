/**
 * Redirect targets: each leads to a region's own host, never back to a name that redirects. Called
 * by load.ts over all services, since one may redirect to another.
 */

import { canonicalHost } from "./address.ts";
import type { ServiceChecks } from "./checks.ts";
import { namesOf } from "./checks-zones.ts";

export function checkRedirects(services: readonly ServiceChecks[]): void {
  const redirecting = services.filter((checks) => checks.service.redirect !== undefined);
  const own = redirecting.flatMap((checks) =>
    namesOf(checks).map(({ name }) => ({ name, service: checks.name })),
  );
  for (const checks of redirecting) checkRedirect(checks, own);
}

interface RedirectingName {
  readonly name: string;
  readonly service: string;
}

function checkRedirect(checks: ServiceChecks, own: readonly RedirectingName[]): void {
  const template = checks.service.redirect ?? "";
  const path = [...checks.path, "redirect"];
  const fault = templateFault(template);
  if (fault !== undefined) {
    const hint = "write an origin such as `https://{region}.shop.example.com`";
    checks.report({ code: "config.invalid", path, message: fault, hint });
    return;
  }
  if (!template.includes("{") && (checks.regions?.size ?? 0) > 1) {
    const message = "the target is the same for every region";
    const hint = "put `{region}` into its host";
    checks.report({ code: "config.conflict", path, message, hint });
  }
  for (const words of endpointWords(checks)) {
    const host = hostOf(template, words);
    const target = own.find(({ name }) => host !== undefined && covers(name, host));
    if (target === undefined) continue;
    checks.report({
      code: "config.conflict",
      path,
      message: `${host ?? ""} is a name of \`${target.service}\` (${target.name}), which redirects again`,
      hint: "redirect to a host of the region's own that is not steered",
    });
    return;
  }
}

/** What a template may hold; docs/redirect.md. */
type Words = Readonly<Record<"region" | "pool" | "host" | "address" | "port", string>>;

const sampleWords: Words = {
  region: "region",
  pool: "pool",
  host: "host.example",
  address: "192.0.2.1",
  port: "8443",
};

/** The words for each endpoint that is valid; for a region without one, as far as they go. */
function* endpointWords(checks: ServiceChecks): Generator<Words> {
  const { endpoints = {} } = checks.service;
  for (const region of checks.regions ?? []) {
    yield { ...sampleWords, region, pool: region };
    for (const [colour, pool] of Object.entries(endpoints[region] ?? {})) {
      const name = colour === "" ? region : `${region}-${colour}`;
      for (const { ipv4, ipv6, host, port } of pool ?? []) {
        const address = ipv4 ?? `[${ipv6 ?? "::"}]`;
        yield { region, pool: name, host: host ?? address, address, port: String(port ?? 443) };
      }
    }
  }
}

function expand(template: string, words: Words): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, word: string) =>
    Object.hasOwn(words, word) ? words[word as keyof Words] : whole,
  );
}

function templateFault(template: string): string | undefined {
  const rest = expand(template, sampleWords);
  if (/[{}]/.test(rest)) {
    const known = Object.keys(sampleWords).map((word) => `{${word}}`);
    return `the words in braces are ${known.join(", ")}`;
  }
  if (!/^https?:\/\//.test(rest)) return "must start with http:// or https://";
  const url = URL.parse(rest);
  if (url === null || url.hostname === "") return "is no URL";
  if (url.username !== "" || url.password !== "") return "must not hold a user or password";
  if (!/^https?:\/\/[^/?#]+\/?$/.test(rest)) {
    return "must end after the host: the request's own path and query are kept";
  }
  return undefined;
}

function hostOf(template: string, words: Words): string | undefined {
  const host = URL.parse(expand(template, words))?.hostname;
  return host === undefined ? undefined : canonicalHost(host);
}

function covers(name: string, host: string): boolean {
  return name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name;
}
