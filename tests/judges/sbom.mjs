// sbom.mjs FILE...: holds each file against the schema of CycloneDX 1.6 (strictly: with
// the formats of the fields and the SPDX list), takes its package URLs apart, and
// looks whether every reference leads to one component. Prints what is wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.JUDGES + "/package.json");
const { JsonStrictValidator } = require("@cyclonedx/cyclonedx-library/Validation");
const { Version } = require("@cyclonedx/cyclonedx-library/Spec");
const { PackageURL } = require("packageurl-js");
const validator = new JsonStrictValidator(Version.v1dot6);
const problems = [];

function* all(components) {
	for (const c of components ?? []) {
		yield c;
		yield* all(c.components);
	}
}

for (const file of process.argv.slice(2)) {
	const text = readFileSync(file, "utf8");
	const wrong = await validator.validate(text);
	if (wrong !== null) problems.push(`${file}: ${JSON.stringify(wrong)}`);
	const bom = JSON.parse(text);
	const refs = new Map();
	for (const c of [bom.metadata.component, ...all(bom.components)]) {
		if (c["bom-ref"]) refs.set(c["bom-ref"], (refs.get(c["bom-ref"]) ?? 0) + 1);
		if (!c.purl) continue;
		const url = PackageURL.fromString(c.purl); // throws if it is none
		if (url.toString() !== c.purl) problems.push(`${file}: ${c.purl} should be ${url}`);
	}
	for (const [ref, n] of refs) if (n > 1) problems.push(`${file}: ${n} components are ${ref}`);
	for (const d of bom.dependencies)
		for (const ref of [d.ref, ...(d.dependsOn ?? [])])
			if (!refs.has(ref)) problems.push(`${file}: no component ${ref}`);
}
console.log(problems.join("\n"));
process.exit(problems.length ? 1 : 0);
