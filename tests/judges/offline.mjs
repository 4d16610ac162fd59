// offline.mjs CACHE ID COMMIT PATH: a file of the cache through the client of
// @huggingface/hub, which has no hub to ask. Prints where it found it.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.JUDGES + "/package.json");
const hub = await import(pathToFileURL(require.resolve("@huggingface/hub")));
const [cacheDir, repo, revision, path] = process.argv.slice(2);
const hubUrl = "http://127.0.0.1:9";
console.log(await hub.downloadFileToCacheDir({ repo, path, revision, cacheDir, hubUrl }));
