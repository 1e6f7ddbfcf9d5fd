-- What wrk sends and reports. From the environment: BENCH_METHOD, a body of BENCH_BODY bytes, BENCH_CLOSE (a connection for each
-- request), BENCH_ROUTES (each request takes the next of so many paths), BENCH_KEYS (the next of so many user ids).
local number = function(name) return tonumber(os.getenv(name) or "0") end
wrk.method = os.getenv("BENCH_METHOD")
if number("BENCH_BODY") > 0 then
  wrk.body = string.rep("x", number("BENCH_BODY"))
  wrk.headers["content-type"] = "application/json"
end
if number("BENCH_CLOSE") > 0 then wrk.headers["connection"] = "close" end

local routes, keys = number("BENCH_ROUTES"), number("BENCH_KEYS")
if routes + keys > 0 then
  local requests, last = {}, 0

  function init()
    for i = 0, math.max(routes, keys) - 1 do
      if keys > 0 then wrk.headers["x-user-id"] = "user-" .. i end
      requests[#requests + 1] = wrk.format(nil, routes > 0 and "/api/r" .. i .. "/films" or nil)
    end
  end

  -- 7919 is prime: every request has its turn, and neighbours don't follow each other.
  function request()
    last = (last + 7919) % #requests
    return requests[last + 1]
  end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('FIGURES {"requests": %d, "us": %d, "p50": %d, "p99": %d, "p999": %d, "errors": %d}\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect + e.read + e.write + e.status + e.timeout))
end
