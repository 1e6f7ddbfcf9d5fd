// Prints what failed in newman's JSON report (request, assertion, message); writes "HELD FAILED" to COUNTS.
// Usage: node failures.js REPORT.json COUNTS
"use strict";
const { readFileSync, writeFileSync } = require("fs");
const { run } = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const { source, error } of run.failures) {
  console.log(`FAIL ${source ? source.name : "collection"}: ${error.test || error.name}: ${error.message}`);
}
const held = run.stats.assertions.total - run.stats.assertions.failed;
console.log(`${run.stats.requests.total} requests; ${held} assertions hold, ${run.failures.length} failures`);
writeFileSync(process.argv[3], `${held} ${run.failures.length}\n`);
