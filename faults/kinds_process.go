package faults

var cgroupBackends = []string{"cgroup"}

// processKinds are the faults on processes and what they may use.
var processKinds = []KindInfo{
	{
		Kind: "kill", Family: "process", Does: "a process is ended by a signal", Backends: []string{"signal"},
		Params: []Param{
			{"signal", "string", "", "KILL", "KILL, TERM, INT, QUIT, HUP, ABRT, BUS, SEGV", "the signal"},
			{"process", "string", "", "the container's first", "a name of up to 64 characters", "end all processes of the container with this name"},
			{"grace", "duration", "time", "10s", "above 0, up to 1m", "how long the process may take to end"},
		},
		Sees:   "requests in flight are reset, the container restarts or stays down with exit code 128 plus the signal",
		decode: decodeAs[Kill],
	},
	{
		Kind: "crash-loop", Family: "process", Does: "the first process is killed after each start", Backends: []string{"signal"},
		Params: []Param{{"after", "duration", "time", "", "above 0, up to 1m", "how long it runs each time; the container needs a restart policy"}},
		Sees:   "the container restarts again and again with exit code 137, works in between, and OOMKilled is false",
		decode: decodeAs[CrashLoop], example: map[string]string{"after": "5s"},
	},
	{
		Kind: "pause", Family: "process", Does: "all processes stop where they are", Backends: cgroupBackends,
		Sees:   "the container is up and answers nothing; connections are accepted and time out; nothing is logged",
		decode: decodeAs[Pause],
	},
	{
		Kind: "cpu-throttle", Family: "process", Does: "only a share of the processor is had", Backends: cgroupBackends,
		Params: []Param{
			{"percent", "number", "percent", "", "1 to 12800", "of one core, for all processes together; 150 is a core and a half"},
		},
		Sees:   "everything is slow under load while processor usage looks low and even; nr_throttled rises",
		decode: decodeAs[CPUThrottle], example: map[string]string{"percent": "20"},
	},
	{
		Kind: "memory-limit", Family: "process", Does: "less memory may be used", Backends: cgroupBackends,
		Params: []Param{{"mib", "integer", "MiB", "", "4 to 1048576", "the limit, swap included; not below what is in use"}},
		Sees:   "the container is ended for want of memory (OOMKilled, exit code 137) at a load it used to bear",
		decode: decodeAs[MemoryLimit], example: map[string]string{"mib": "256"},
	},
	{
		Kind: "memory-pressure", Family: "process", Does: "memory is taken little by little", Backends: cgroupBackends,
		Params: []Param{
			{"mib_per_second", "number", "MiB/s", "", "above 0, up to 1024", "how fast memory is taken"},
			{"max_mib", "integer", "MiB", "", "1 to 1048576", "the most that is taken"},
		},
		Sees:   "the container's memory climbs in a straight line while none of its processes grows",
		decode: decodeAs[MemoryPressure], example: map[string]string{"mib_per_second": "16", "max_mib": "64"},
	},
	{
		Kind: "fd-limit", Family: "process", Does: "fewer files may be open", Backends: []string{"prlimit"},
		Params: []Param{{"limit", "integer", "descriptors", "", "3 to 1048576", "for each running process"}},
		Sees:   "too many open files (EMFILE) under load; new connections wait while old ones work",
		decode: decodeAs[FDLimit], example: map[string]string{"limit": "64"},
	},
	{
		Kind: "pid-limit", Family: "process", Does: "fewer processes and threads may exist", Backends: cgroupBackends,
		Params: []Param{{"limit", "integer", "tasks", "", "1 to 4194304", "processes and threads of the container together"}},
		Sees:   "fork fails with EAGAIN, pools cannot grow, docker exec fails",
		decode: decodeAs[PidLimit], example: map[string]string{"limit": "64"},
	},
	KindInfo{
		Kind: "clock-skew", Family: "process", Does: "the clock is wrong; no kernel can do this to processes that run, and injecting says so",
		Params: []Param{{"offset", "duration", "time", "", "-8784h to 8784h, not 0", "how far the clock is ahead; below 0: back"}},
		Sees:   "tokens are expired or not valid yet, certificates fail, log lines are in the wrong order",
		decode: decodeAs[ClockSkew], example: map[string]string{"offset": "5m"},
	}.without(ClockSkew{}.Missing()),
}
