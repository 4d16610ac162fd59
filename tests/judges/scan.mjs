// scan.mjs CACHE: reads a Hub cache with the scanner of @huggingface/hub and
// prints what it found as JSON. Any warning of the scanner is a failure.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.env.JUDGES + "/package.json");
const hub = await import(pathToFileURL(require.resolve("@huggingface/hub")));
const info = await hub.scanCacheDir(process.argv[2]);
const repos = info.repos.map((repo) => ({
	id: (repo.id.type === "model" ? "" : repo.id.type + "s/") + repo.id.name,
	size: repo.size,
	files: repo.filesCount,
	revisions: repo.revisions.map((r) => ({ commit: r.commitOid, refs: r.refs, files: r.files.length })),
}));
repos.sort((a, b) => (a.id < b.id ? -1 : 1));
console.log(JSON.stringify({ size: info.size, repos, warnings: info.warnings.map(String) }, null, 1));
process.exit(info.warnings.length ? 1 : 0);
