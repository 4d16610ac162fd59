// download.mjs HUB_URL CACHE ID [REVISION]: downloads a whole repository into a
// Hub cache with the client of @huggingface/hub. Prints the snapshot's folder.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.JUDGES + "/package.json");
const hub = await import(pathToFileURL(require.resolve("@huggingface/hub")));
const [hubUrl, cacheDir, name, revision = "main"] = process.argv.slice(2);
console.log(await hub.snapshotDownload({ repo: name, hubUrl, cacheDir, revision }));
