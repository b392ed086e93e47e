/**
 * Writes the pages and the schema that derive from the code: `node scripts/generate.ts`. A test
 * compares what is committed.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cliPage } from "./generate/cli-page.ts";
import { errorsPage, reasonsPage } from "./generate/code-pages.ts";
import { configurationPage } from "./generate/configuration-page.ts";
import { configJsonSchema } from "./generate/json-schema.ts";

/** Path in the project -> text. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const schema = configJsonSchema();
  return new Map([
    ["schema/rhumb.schema.json", `${JSON.stringify(schema, null, 2)}\n`],
    ["docs/configuration.md", configurationPage(schema)],
    ["docs/errors.md", errorsPage()],
    ["docs/reasons.md", reasonsPage()],
    ["docs/cli.md", await cliPage()],
  ]);
}

if (import.meta.main) {
  const root = fileURLToPath(new URL("..", import.meta.url));
  for (const [path, text] of await generatedFiles()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
