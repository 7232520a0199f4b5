-- The wrk script: every request carries the next token of a file.
--
--   wrk ... -s tokens.lua URL -- FILE THREADS cycle|once
--
-- Each thread takes every THREADS-th line, so no token is presented by two of
-- them. Requests are built before the clock starts. With "once", a thread that
-- has used its last token says "exhausted" on stdout and stops; whoever started
-- wrk then interrupts it, which makes wrk report on the time really spent.

local threads = 0

function setup(thread)
	thread:set("index", threads)
	threads = threads + 1
end

function init(args)
	local file, count, mode = args[1], tonumber(args[2]), args[3]
	once = mode == "once"
	requests, at = {}, 0
	local line = 0
	for token in io.lines(file) do
		if line % count == index then
			requests[#requests + 1] = wrk.format("GET", "/", {
				["Host"] = wrk.headers["Host"],
				["Authorization"] = "Bearer " .. token,
			})
		end
		line = line + 1
	end
	if #requests == 0 then -- fewer tokens than threads: all share the first
		for token in io.lines(file) do
			requests[1] = wrk.format("GET", "/", {
				["Host"] = wrk.headers["Host"],
				["Authorization"] = "Bearer " .. token,
			})
			break
		end
	end
	collectgarbage()
end

function request()
	at = at + 1
	if at > #requests then
		if once then
			if at == #requests + 1 then
				io.write("exhausted\n")
				io.flush()
			end
			wrk.thread:stop()
			return requests[#requests]
		end
		at = 1
	end
	return requests[at]
end

function done(summary, latency, _)
	io.write(string.format(
		'result {"requests":%d,"micros":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"p50":%d,"p99":%d,"max":%d}\n',
		summary.requests, summary.duration, summary.errors.status, summary.errors.connect, summary.errors.read,
		summary.errors.write, summary.errors.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
