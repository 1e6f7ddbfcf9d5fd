// Prints what failed in newman's JSON report (request, assertion, message); writes "HELD FAILED" to COUNTS.
// Usage: node failures.js REPORT.json COUNTS
"use strict";
const { readFileSync, writeFileSync } = require("fs");
const { run } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const shown = 50; // where one service is down everything fails alike
for (const { source, error } of run.failures.slice(0, shown)) {
  const what = error.test === source?.name ? [error.test] : [source?.name ?? "collection", error.test || error.name];
  console.log(`FAIL ${[...what, error.message].join(": ")}`);
}
if (run.failures.length > shown) console.log(`FAIL … and ${run.failures.length - shown} more`);
const held = run.stats.assertions.total - run.stats.assertions.failed;
console.log(`${run.stats.requests.total} requests; ${held} assertions hold, ${run.failures.length} failures`);
writeFileSync(process.argv[3], `${held} ${run.failures.length}\n`);
