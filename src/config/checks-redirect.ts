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

function checkRedirect(
  checks: ServiceChecks,
  own: readonly { readonly name: string; readonly service: string }[],
): void {
  const template = checks.service.redirect ?? "";
  const path = [...checks.path, "redirect"];
  const fault = templateFault(template);
  if (fault !== undefined) {
    const hint = "write an origin such as `https://{region}.shop.example.com`";
    checks.report({ code: "config.invalid", path, message: fault, hint });
    return;
  }
  const regions = [...(checks.regions ?? [])];
  if (!template.includes("{region}") && regions.length > 1) {
    const message = "the target is the same for every region";
    const hint = "put `{region}` into its host";
    checks.report({ code: "config.conflict", path, message, hint });
  }
  for (const region of regions) {
    const host = hostOf(template, region);
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

function templateFault(template: string): string | undefined {
  const rest = template.replaceAll("{region}", "region");
  if (/[{}]/.test(rest)) return "`{region}` is the only word in braces it knows";
  if (!/^https?:\/\//.test(rest)) return "must start with http:// or https://";
  const url = URL.parse(rest);
  if (url === null || canonicalHost(url.hostname) === undefined) return "is no URL of a host name";
  if (url.username !== "" || url.password !== "") return "must not hold a user or password";
  if (!/^https?:\/\/[^/?#]+\/?$/.test(rest)) {
    return "must end after the host: the request's own path and query are kept";
  }
  return undefined;
}

function hostOf(template: string, region: string): string | undefined {
  const host = URL.parse(template.replaceAll("{region}", region))?.hostname;
  return host === undefined ? undefined : canonicalHost(host);
}

function covers(name: string, host: string): boolean {
  return name.startsWith("*.") ? host.endsWith(name.slice(1)) : host === name;
}
