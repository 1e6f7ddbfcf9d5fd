-- What wrk sends and reports: BENCH_METHOD, and a body of BENCH_BODY bytes; at the end a line of figures for `run`.
wrk.method = os.getenv("BENCH_METHOD")
local size = tonumber(os.getenv("BENCH_BODY"))
if size > 0 then
  wrk.body = string.rep("x", size)
  wrk.headers["content-type"] = "application/json"
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('FIGURES {"requests": %d, "us": %d, "p50": %d, "p99": %d, "errors": %d}\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
