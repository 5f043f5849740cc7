// Every requirement that `npm test` can show, with an id. Shown by programs and their pages only: an hour of mixed load
// (RELIABILITY.md), the probes of all drivers (SECURITY.md), containers (CONTAINERS.md), a real cluster with pods evicted,
// volumes full and versions mixed (KUBERNETES.md), scale on paper (SCALE.md). Test files cite ids in a `// Requirements:` line near their top;
// coverage.test.ts fails on an id that no test cites and on a citation of an id that is not here.
export const requirements = {
  "3.start":
    "npm start on a fresh clone installs, builds, runs the cluster as separate processes, prints a result, exits 0",
  "3.start.again": "a further run starts in seconds and adds to .hindcast/",
  "3.own-docs": "hindcast run --docs DIR --environment shell works on any folder",
  "3.1.formats": "Markdown, HTML, reStructuredText, text, man pages, --help output and PDF are read",
  "3.1.split": "documents are split by headings to a token budget with the heading path kept; ids are content hashes",
  "3.1.duplicates": "duplicate and near-duplicate documents are removed",
  "3.1.bad-files": "unreadable, binary, empty and huge files are reported and never fatal",
  "3.2.proposal": "N tasks per document with an expected result and the document's steps as guidance",
  "3.2.duplicates": "near-duplicate instructions are dropped across documents",
  "3.2.declined": "tasks that the environment cannot support are declined with a reason",
  "3.3.queue": "rollout tasks are work-queue messages, leased, kept alive by working(), acknowledged after the result",
  "3.3.write-once": "the terminal record of a task is written once for ever",
  "3.3.fencing": "a zombie's ack, steps and result do no harm",
  "3.3.dead-letters": "what cannot be worked on lands in the dead letters with payload and reason, and can be requeued",
  "3.3.backpressure": "a full stream slows the coordinator; nothing is dropped",
  "3.3.traps": "each NATS trap of the design that can be shown is a test against the real server",
  "3.4.episode": "reset → (retrieve → act → step → record)* → evaluate → close; each step acknowledged before the next",
  "3.4.limits": "limits on steps, tokens, dollars, wall time and output end an episode with their own reason",
  "3.4.loops": "exact repeats and cycles end an episode as a loop",
  "3.4.outcomes": "end reasons are a closed set that adds up to the number of tasks",
  "3.4.drain": "SIGTERM finishes the step, snapshots, hands back and exits 0; a second signal aborts",
  "3.4.resume": "an episode continues on another agent from its last committed step",
  "3.5.isolation":
    "nothing of the host's home, secrets, sockets, network or other episodes is reachable; system folders are read-only",
  "3.5.session": "directory, variables and functions survive between actions; exit codes are exact",
  "3.5.limits": "process, memory, disk, time and output limits kill whole process trees and the sandbox survives",
  "3.5.snapshot": "the sandbox's files and session can be snapshotted and restored",
  "3.5.refuses": "without bubblewrap the run refuses and doctor names the package",
  "3.5.no-leaks": "no process, mount or folder is left behind",
  "3.6.windows":
    "windows from o_i to o_j inclusive; faithful and bounded policies; no-change windows dropped; the full run kept",
  "3.6.kinds": "both instruction kinds; transition summaries once per step; REASON rewritten; closing stop(answer)",
  "3.7.rules": "duplicate states, loops, invalid actions and no-effect windows are rejected before any model is asked",
  "3.7.committee":
    "unanimous yes, early exit on the first no, checklist first; an outage or unparsable vote is an abstention asked again",
  "3.7.replay": "accepted windows are re-executed in a fresh sandbox: verified, diverged or not-replayable",
  "3.8.index": "the native index: BM25, exact observation hash, hash-v1 embedding, flat exact search",
  "3.8.service":
    "retrieval answers on NATS request/reply and as a micro service, filtered, de-duplicated, capped, packed to a budget",
  "3.8.rebuild": "a restarted replica rebuilds itself from the stream",
  "3.8.recorded": "each step records which demonstrations it saw",
  "3.9.drivers":
    "Anthropic, Gemini (two drivers), OpenAI-compatible and offline pass one conformance suite over real SDKs",
  "3.9.retries": "own retries honour rate-limit headers; 429, 529, 5xx, timeouts and mid-stream errors are told apart",
  "3.9.cost": "usage and cost per call from a dated price table; unknown price is null",
  "3.9.journal": "an answered call is never bought again",
  "3.9.emulators": "the emulators refuse what the real services refuse",
  "3.10.offline": "the offline models are deterministic policies that read their prompts",
  "3.11.exports":
    "fine-tuning JSONL, ATIF v1.8 and a Hugging Face folder with Parquet, with lineage and without secrets",
  "3.12.cli": "init, doctor, up, run, status, show, search, export, plan with --json, NO_COLOR and stable exit codes",
  "3.12.config": "one schema for file, environment and flags; provenance shown; unknown keys refused",
  "3.13.report": "the funnel, tokens, cost, throughput and place of the data are printed",
  "3.13.gain": "success with retrieval off and on, paired, with intervals, for two kinds of held-out task",
  "3.14.ci": "one command checks format, lint, types, Rust and all tests and ends with the counts",
  "3.15.readme": "the README's commands and snippets are run by tests",
  "3.bad.documents": "an empty folder and unreadable or huge documents give a clear error",
  "3.bad.config": "malformed configuration and unknown models are refused before anything is spent",
  "3.bad.answers": "model answers that are empty, not JSON, truncated or refusals become outcomes",
  "3.bad.commands": "a wedged command, a fork bomb, 1 GB of output and invalid UTF-8 become observations",
  "3.bad.sandbox-killed": "a killed sandbox is an infrastructure fault, never a failed task",
  "3.bad.nats-restart": "NATS killed and restarted in mid-campaign loses nothing",
  "3.bad.agent-killed": "an agent killed -9 in mid-episode loses nothing and pays nothing twice",
  "3.bad.disk-full": "a full disk in the sandbox is an observation",
  "3.bad.two-campaigns": "two campaigns at once do not disturb each other",
  "3.bad.oversized": "a step payload over the size limit is refused with a clear error, not lost",
  "3.bad.unknown-version": "a message with an unknown version is kept, counted and never misread",
  "3.bad.ctrl-c": "Ctrl-C ends cleanly: nothing left running, state kept",
  "4.1.binding":
    "the binding is thin: own plain objects, panics become errors, closed and malformed calls have codes, nothing blocks the event loop",
  "4.1.packages": "platform packages in the napi-rs manner without an install script; a local build comes first",
  "4.1.types": "native.d.ts and the facade have precise types without any and unknown",
  "4.2.bf16": "rows are kept as f32 or bf16, each exactly searched, and a folder is never read as the other",
  "4.2.segments":
    "immutable segments under a snapshot: any history of writes, merges and builds answers as brute force does",
  "4.3.filters": "boolean filters, ranges and exclusion lists on columns, never short when enough rows pass",
  "4.3.planner": "scan, graph or fallback by expected cost, and explain says which",
  "4.4.embedders": "remote embedders (Gemini, OpenAI-compatible) with a vector cache that never buys a vector twice",
  "4.4.hash-v1": "hash-v1 never changes: golden vectors and a slow reference",
  "4.4.lexical": "BM25 over observations with statistics of the live rows of all segments, exact whatever is pruned",
  "4.4.model2vec": "a model2vec model in a user's folder embeds",
  "4.4.refused": "vectors of another embedder, dimension or version are refused",
  "4.5.ranking": "reciprocal rank fusion, MMR, cap per trajectory and utility prior, each hit saying why",
  "4.5.window": "where an observation matched, the steps around it are returned, and the budget counts only them",
  "4.6.crash-safe":
    "kill -9 at any instruction loses nothing that was acknowledged and opens clean; damage is detected",
  "4.6.live": "upserts and removals while searching",
  "4.6.replicas": "replicas at the same sequence answer identically",
  "4.6.shipping":
    "a new replica fetches the newest snapshot of its index version and replays the rest; what is damaged is rebuilt",
  "4.7.batching": "requests that arrive together are one call of the index, and none spoils its neighbours",
  "4.7.binary": "vector searches travel in a compact frame; any other bytes are a typed error that names the place",
  "4.7.interop": "an agent in Python and one with the older nats client query the service",
  "4.7.overload": "overload, a passed deadline and a stopping replica are answered at once with typed errors",
  "4.7.partitions":
    "a divided corpus answers as one: all partitions are asked, and a missing one is never left out silently",
  "4.7.service": "search, get, explain, stats and health answer on NATS as a micro service, with a JSON Schema each",
  "4.8.metrics":
    "latency by stage and strategy, recall, segments, memory, lag and refusals are metrics with bounded labels",
  "4.9.walk": "usearch builds deterministic graphs and our own walk searches them, with expansion and filter per query",
  "4.bad-input":
    "malformed vectors, k, filters, ids and arrays are typed errors that name the value and leave the index intact",
  "4.bench": "one command measures against peers on the same machine",
  "4.fuzz": "file readers, queries and vectors survive any bytes",
  "4.pitfalls": "the fifteen pitfalls of a plain vector library do not happen",
  "5.1.diverged":
    "a rebuilt world that differs from its record is recorded as diverged and a fresh attempt starts, bounded",
  "5.1.pay-once": "no answered call is bought twice across SIGKILL, SIGSTOP and partition, counted at the provider",
  "5.1.rebuild": "a world is rebuilt from the newest image that exists and the recorded actions after it",
  "5.1.revenant": "a lease that a killed server brings back after its time keeps nobody from working",
  "5.1.resume": "another agent continues a dead, stopped or cut-off agent's episode at its last committed step",
  "5.1.snapshots": "how often images are stored is a setting, and replay begins at the newest one before a window",
  "5.2.collector": "a result counts only with token, attempt, step count and digest of a recorded start",
  "5.2.commit": "a task's end is decided by compare-and-set on its lease before it is stored",
  "5.2.fencing": "a zombie's steps and results are refused or ignored, also when it would be first to write",
  "5.2.no-mixture": "any interleaving of writers with duplicates assembles to one writer's trajectory",
  "5.2.weakened": "fencing off, journal off and acknowledging before the commit are noticed by the same checks",
  "5.1.ended-by-world":
    "an episode that its world ended just before a crash gets no more turns: who resumes it ends it with the same outcome",
  "5.3.dead-letters": "dead letters can be listed, inspected, requeued and dropped, from the command line too",
  "5.3.history": "a dead letter tells of every attempt at its message, and keeps the message byte for byte",
  "5.3.one-record": "exactly one terminal record per task, whoever writes it",
  "5.3.reconciler": "what no consumer will deliver is found once, by any number of reconcilers",
  "5.3.requeue": "a task that has ended or is held is not requeued, and the reason is said",
  "5.3.accepted": "what is shown and exported of an episode is its accepted attempt, never a newer one",
  "5.4.fenced": "a coordinator whose lease is gone ends no campaign and no stage, wherever it wakes up",
  "5.4.identical":
    "killing or freezing coordinators leaves the same data set, byte for byte, as a run with the same seed",
  "5.4.leader": "a campaign has one leader by lease; another one goes on when it stops, dies or freezes",
  "5.4.memory": "a campaign is run again holding only the tasks that it waits for",
  "5.4.nothing-kept": "what a process did leaves nothing behind in its memory, however long it lives",
  "5.4.shared-stages": "coordinators share the stages through the work queue, and a stage that fails costs its item",
  "5.4.start-once": "a request to start makes one campaign, however often it is asked and whoever answers",
  "5.chaos.checked": "the checker of the runs with real faults sees what is wrong",
  "5.chaos.cluster":
    "real processes and three real servers under random faults lose nothing, double nothing and pay nothing twice",
  "5.8.lease-bound": "a sandbox names its lease and ends when it is lost, also while its agent is stopped",
  "5.8.simulated": "after no simulated run a world of an ended episode is open",
  "5.8.storm": "after a storm of SIGKILLs to agents no sandbox is left after twice the lease",
  "5.10.agent-crash": "a task that kills its agent is set aside after bounded deliveries, with payload and history",
  "5.10.campaign-crash": "a campaign that ends its coordinator is taken up a bounded number of times and then fails",
  "5.10.index-crash": "a demonstration that ends the index process is found, passed over, set aside and counted",
  "5.10.schema-evolution": "records written by an earlier version 1 are read with the same meaning for ever",
  "5.10.unknown-versions": "records of unknown versions are kept byte for byte, passed over and counted everywhere",
  "5.sim.invariants":
    "simulated campaigns hold I1 to I7, pay nothing twice, no dollar over a limit, and end as the undisturbed one, under seeded faults of every kind",
  "5.sim.lost-between-servers": "a delivery that is lost while its connection holds is noticed and asked for again",
  "5.sim.replay": "a seed replays exactly",
  "5.sim.same-bus": "the simulated server passes the tests of the bus that the real one passes",
  "5.sim.weakened":
    "fencing off, journal off, ack before commit, reservations off and worlds never closed each break an invariant",
  "5.5.aimd":
    "concurrency is found by trying: doubling, then small steps, cut by overloads once per episode; Retry-After never freezes it",
  "5.5.budget":
    "dollar budgets per campaign and per fleet hold exactly, under contention and across the death of whoever admits",
  "5.5.embeddings": "bought embeddings go through the lanes and the fleet's budget",
  "5.5.fair": "priorities first, then campaigns in turn by weight; everybody is admitted in the end or told why",
  "5.5.fallback": "where nobody admits, lanes are used by shares, budgets wait, and both recover by themselves",
  "5.5.lanes":
    "token buckets per provider, key and model family are shared by the fleet; a broken lane or a straggler holds nobody else",
  "5.5.pause":
    "spend limits and daily quotas pause a lane with a visible reason; waiting for it costs no episode its time or its attempts",
  "5.5.takeover": "another coordinator admits from what is stored; late settlements of dead holders move no dollars",
  "5.6.endpoints": "synthesis and votes go through the batch endpoints of Anthropic and Gemini, through their own SDKs",
  "5.6.resume": "a batch is resumed by its id whatever dies in between, and no request of it is bought twice",
  "5.6.any-order": "results are matched by id, in whatever order they come",
  "5.6.expiry":
    "requests that expire, are cancelled or fail in passing go into the next batch, a bounded number of times",
  "5.6.budget":
    "batches reserve what they can cost before they are submitted and pay what they cost: no campaign overspends, whoever dies",
  "5.6.cancel": "a batch whose campaigns are over is cancelled at its provider, also by whoever comes after a crash",
  "5.6.price": "batches cost half, and estimate, ledger and report say what was batched",
  "5.6.stages": "stages that wait for batches hold up no others, outlive their coordinator and buy nothing twice",
  "5.6.same-data": "a campaign with batches arrives at the same demonstrations as one without",
  "5.7.audit":
    "every control request is on record with who, what, before and after, and what was refused; no secret is",
  "5.7.cancel": "cancelling frees the sandboxes within seconds, in the middle of a command or of a model call",
  "5.7.cli": "`hindcast ctl` works from another machine over NATS, idempotently, with --json and exit codes",
  "5.7.drain": "a worker is drained and resumed by command: its tasks go on elsewhere at their last step",
  "5.7.pause":
    "a paused campaign asks nothing of any model, and goes on at its last step to the result of an undisturbed run",
  "5.7.requeue": "dead letters are put back by number, task or campaign",
  "5.7.retune": "limits that decide no id change while it runs; all others are refused by name",
  "5.9.bounded": "an export of more than fits into memory is written in bounded memory",
  "5.9.forget": "a finished campaign can be forgotten; what it learned stays unless asked, and others keep theirs",
  "5.9.garbage": "blobs that nothing names are removed, never young ones and never what a record names",
  "5.9.linear": "an episode of 100 calls and 200,000 tokens of history stores its steps and answers, not its prompts",
  "5.9.observations": "large observations are content-addressed blobs that readers get back; old records still read",
  "5.9.retention": "ages and bytes of what is kept are settings, applied to a running server and shown",
  "5.9.snapshots": "a snapshot adds what changed since the last, not the world again",
  "6.12.loaders":
    "task files of WebArena, Lite, Verified and VisualWebArena and BrowserGym's metadata load strictly; sites are configuration; chains and resets are honoured; a task without its site is unavailable",
  "6.12.webarena-evaluators":
    "WebArena's string, url and page evaluators with locators and helpers multiply, and judge without running what task files hold",
  "6.12.judge": "free answers are judged by a model whose question is recorded; a judge that is out decides nothing",
  "6.12.in-browser": "web tasks are judged at their end in the browser and by the network log of the very episode",
  "6.12.lost-exchanges":
    "a recording that lacks exchanges, or a site that is gone, leaves a verdict open and is no failure",
  "6.12.run": "web tasks run as episodes in the order of their chains, with resets; what is not there is unavailable",
  "6.12.verified-types": "typed values of WebArena-Verified's answers are the same in all forms that people write",
  "6.12.verified-response": "WebArena-Verified's final responses are judged by type, status and typed data",
  "6.12.network": "WebArena-Verified's network events are judged over recorded HAR files",
  "6.12.fixture": "the published recorded run comes out exactly as published",
  "6.12.patterns": "patterns of task files are bounded in time",
  "6.12.oracle": "verdicts agree with the published evaluators on right and changed answers of all published tasks",
  "6.12.baselines": "what doing nothing scores is reported beside a score",
  "6.12.references": "tasks of both kinds travel as references of rollout tasks",
  "6.12.score":
    "benchmarks report averages over tasks, places and templates with 95 % intervals, and the tasks apart that no model judges",
  "6.12.cli": "`hindcast bench webarena` lists tasks and scores recorded runs offline, as tables and as JSON",
  "6.15.web": "a campaign on web pages runs from documents to demonstrations and a measured gain, judged by the pages",
  "6.15.code": "a campaign on repositories with bugs does the same, judged by hidden tests",
  "6.15.sites": "a whole campaign on a self-hosted site runs from its help to a gain that its own tasks measure",
  "6.15.shipped": "a whole campaign on code runs with what is shipped: no network, no data, no key",
  "6.15.resume": "an agent killed in mid-episode changes nothing of what a campaign on pages or on code has learned",
  "6.15.worlds": "a world comes down to scenes and held-out tasks before anything is spent, or says what is missing",
  "6.15.guard": "what is held back of a world is never learned from, and what came close to it is left out",
  "6.15.offline-pages": "the offline models act on pages from documents and demonstrations, by roles and names",
  "6.16.protocol":
    "the protocol of plug-in worlds is versioned and described by JSON Schemas that are made from the code",
  "6.16.process": "an environment may be a process that speaks JSON lines over standard input and output",
  "6.16.http": "an environment may be a service that speaks the same over HTTP",
  "6.16.actions":
    "actions of plug-in worlds are named tools with JSON arguments, checked against the world's own schemas",
  "6.16.example": "a Python world without dependencies shows how to bring one's own, and is run in the tests",
  "6.16.robust":
    "worlds that die, hang, flood, write nonsense or answer another request are lost and tried again, or unavailable",
  "6.16.secrets": "nothing of the agent's environment reaches a world; its secrets lie in files that no task names",
  "6.16.mcp":
    "MCP servers over stdio and streamable HTTP are environments: tools, errors, images, changed tools, death",
  "6.16.agent-gym": "AgentGym's HTTP services are environments",
  "6.16.open-env": "OpenEnv's services are environments, over WebSocket and HTTP",
  "6.16.episode": "an episode in a plug-in world runs over the real bus to its evaluation",
  "6.16.resume": "an episode in a plug-in world resumes by the world's snapshot where it has one, else by its actions",
  "6.16.harbor-import": "Harbor task folders become tasks of the shell world, or are unavailable with a reason",
  "6.16.harbor-export": "tasks of the shell world and of code made here become Harbor folders that are judged alike",
  "6.16.harbor-verifier": "a Harbor verifier runs after the episode in a sandbox of its own, on files alone",
  "6.16.harbor-reward": "reward.txt and reward.json are read as Harbor reads them; a missing or odd one is no verdict",
  "6.bad.world-dies": "a plug-in world that dies or does not answer never counts as a failed task",
  "6.11.actions":
    "WebArena's and BrowserGym's actions are read exactly, written canonically and refused with what would be right",
  "6.11.artifacts": "each step keeps a picture, with marks where asked, and the network exchanges as a HAR",
  "6.11.conformance": "the browser world passes the suite of all environments",
  "6.11.early-stop": "an episode ends early by WebArena's rules",
  "6.11.episode": "an episode in a browser runs over the bus and is recorded with its artifacts",
  "6.11.har": "exchanges are HTTP Archive entries that can be judged again later",
  "6.11.hostile-pages": "pages that never load, hang, crash, open tabs, alert without end or download end no episode",
  "6.11.isolation": "a browser sees no file, process or network of the host but the task's sites",
  "6.11.limits":
    "a browser that takes more memory or threads than its episode may have is ended alone, with an error that names the limit",
  "6.11.missing": "without Chromium, MiniWoB's pages or the site, the world says what to install or start",
  "6.11.observation":
    "a page is its tabs and the accessibility tree of the viewport, frames included, capped with a mark",
  "6.11.resume": "a killed browser episode goes on in another browser at its last step",
  "6.11.upstream": "actions and trees are read and written as upstream's own code does",
  "6.14.campaign": "what is said of a served site is what a campaign reads of it, with logins and held-out tasks",
  "6.14.clock": "a site's time is the visit's own, also in browsers: what is done again in a fresh copy shows the same",
  "6.14.forge":
    "the forge with its wiki is served like the shop: visits, tasks of every kind, a browser that changes it",
  "6.14.needs": "what a site is built with is told by doctor and before building, with what is missing and its source",
  "6.14.programs": "programs of a site that take long to build are built once, whatever becomes of its seed",
  "6.14.restore": "a copy of a site is put back to its first state while it runs",
  "6.14.templates": "tasks of self-hosted sites are made from templates, with answers out of the sites' databases",
  "6.14.tasks": "every task of a self-hosted site can be done there, and tells doing from not doing",
  "6.14.wiki":
    "the wiki is served like the shop: edits are put back with all that they entail, tasks of every kind, a browser that changes it",
  "6.14.visits": "every fresh browser gets a copy of a site for itself, and a browser resumes in a fresh one",
  "6.13.rewards": "scripted solutions of MiniWoB tasks are rewarded, others are not",
  "6.13.seeds": "a MiniWoB task with a seed is always the same page",
  "6.13.tasks": "every MiniWoB page starts with its goal",
  "6.1.contract":
    "one contract for every driver: image, mounts, input, streamed output, and errors that are no command output",
  "6.1.connect": "a TCP port inside is reached by its own episode alone, through the guest's channel",
  "6.1.fork": "a sandbox forks into a second one with equal files and an equal session",
  "6.1.terminal": "a command runs at a terminal: its size, what is typed, signals; escape sequences are data",
  "6.1.stream": "a command's output is shown while it runs, each byte once",
  "6.1.images": "an image is described once and built once, published atomically, in the form that each driver needs",
  "6.1.cache": "the image cache has a disk budget; eviction never removes what is in use",
  "6.1.interrupted":
    "a build of an image that is interrupted ends its step and leaves nothing; interrupted again, it ends at once",
  "6.1.copies":
    "copies of images in a container daemon count in that budget, and go unless a container or process has them",
  "6.2.bubblewrap": "bubblewrap passes the contract's conformance suite",
  "6.2.control-groups":
    "sandboxes of bubblewrap are in control groups where the machine allows it; doctor says which limits hold",
  "6.3.container": "containers through the Docker API pass the contract's conformance suite; images are never pulled",
  "6.4.vm": "virtual machines pass the contract's conformance suite, started from a saved machine",
  "6.5.configuration": "the driver is a setting; doctor says what each driver lacks",
  "6.8.pool": "warm sandboxes are handed out fresh; nothing is reused unless restored",
  "6.8.quarantine": "a sandbox that fails its reset check is never handed out",
  "6.8.rate": "sandboxes are opened at a limited rate",
  "6.9.loader":
    "SWE-bench's official files (JSONL, gzipped, Parquet; lists or JSON strings of lists) are read; errors name file, line and field",
  "6.9.predictions": "prediction files are read and written as SWE-bench's own harness has them",
  "6.9.submitted":
    "the patch that an episode ended with is kept, and a campaign's patches are a prediction file that is judged",
  "6.9.parsers":
    "logs of all 26 parsers of Verified, Lite and Multilingual are read as SWE-bench 5.0.2 reads them, without throwing, in linear time",
  "6.9.grading":
    "marks, invalid logs, F2P and P2P rules, cut ids, fail_only, full/partial/no and infrastructure labels",
  "6.9.admission":
    "hindcast bench swe-bench verify admits an instance only where gold resolves it and the empty patch does not, and keeps the verdict",
  "6.9.parity":
    "the verdicts of a reference run (validated.jsonl) are ours too: Pythons, tests and conclusions offline, and by running where clones are",
  "6.9.bad-input":
    "a missing clone, commit, Python, pin, network or a wrong data file is told with its remedy and fails no instance",
  "6.9.cache":
    "repositories and environments are made once, atomically, and evicted by a disk budget that spares what is in use",
  "6.9.clock": "an instance whose tests dates break is tried, admitted and judged on its own day",
  "6.9.built": "what a compiled project's build leaves is kept for each commit, and a patch makes anew what it touches",
  "6.9.dependencies":
    "what a repository names for Cargo, Go, npm, pnpm, Yarn or Maven is there without a network; other clients are refused with the reason",
  "6.9.isolated-fetch":
    "strangers' code that runs while libraries are fetched reaches registries alone, to read, and nothing else of the host",
  "6.9.history": "no commit, branch, tag, remote or reflog after the base commit is in the sandbox",
  "6.9.world":
    "episodes work on an instance by bash, str_replace_editor and submit, and are judged by its tests in a testbed of their own",
  "6.10.make":
    "tasks with a true oracle are made from a Python project whose tests pass, and exported in SWE-bench's format",
  "6.10.package":
    "tasks are made from a package's archive too, of PyPI, npm or a file: compared with its digest, refused where it is hostile or holds no tests",
  "6.10.author":
    "a model writes bugs and issue texts: checked before they count, kept where a test breaks, journaled and capped",
  "6.10.javascript":
    "the same bugs are put into JavaScript and TypeScript; what shows them is hidden, and no issue holds its patch",
  "6.9.cures":
    "submodules, a network that times out, local servers and packages that pins lack are there where a project needs them",
  "6.9.forgery":
    "forged marks and deleted tests solve nothing; passes that a program prints are believed, as upstream does, and forged marks beside them are told",
  "6.6.rules": "requests leave only as rules name them: host or suffix, port, method, form; everything else is refused",
  "6.6.addresses":
    "names are resolved outside; private, link-local and metadata addresses are refused after resolution",
  "6.6.credentials": "secrets are put in at the proxy, for one host, and neither enter a sandbox nor a record",
  "6.6.tunnels": "TLS passes by the host's name, and only to that host",
  "6.6.caps": "bytes per rule and episode, time, connections and records are capped",
  "6.6.records": "every request is written down with verdict and reason, and becomes an artifact of its step",
  "6.6.campaign": "a campaign's configuration says what its episodes may reach; nothing by default",
  "6.6.sandbox": "a sandbox without a network reaches the proxy through its guest, and nothing else",
  "6.7.probes":
    "at least sixty hostile probes in fifteen categories fail: the quick ones in bubblewrap, all in each driver by npm run security",
  "6.7.weakened": "nearly all of them work in a deliberately weakened sandbox, and those that do not are named",
  "6.7.report": "the outcome is an aligned table, JSON, an exit code and a page that the run writes",
  "7.5.bounded": "labels have closed or capped sets of values, so the number of time series has a bound",
  "7.5.catalogue":
    "every metric stands in one catalogue, which is what processes expose and what the documentation shows",
  "7.5.cluster":
    "queues, streams and campaigns are read when scraped; without NATS they are absent and the rest still comes",
  "7.5.traces": "a document is followed to its demonstrations by OTLP; off, and free, unless a collector is named",
  "7.5.redaction": "spans hold names, numbers and ids, never a word of a prompt, an answer, an observation or an error",
  "7.5.collector":
    "a collector that is away or slow breaks no work and delays no end beyond a deadline; what it missed is counted",
  "7.6.dashboards": "dashboards are typed code whose JSON is committed, and name only metrics that exist",
  "7.6.runbook": "every alert has a runbook entry: what it means, what to look at, what to do",
  "7.6.queries": "every query of every dashboard and alert has data in a Prometheus that scrapes a real cluster",
  "7.6.rules": "every alert fires when it should and stays quiet when it should not",
  "7.6.kubernetes":
    "in Kubernetes every program and every server of NATS is scraped, and the overlay brings the alerts and the dashboards",
  "7.7.clients":
    "the nats command, Python and Go ask retrieval as the documentation shows, and find the service by ADR-32",
  "7.1.accounts": "NATS's users in Kubernetes have the permissions that the code gives their roles",
  "7.1.backup": "streams are saved every night beside the last good backup, which no failure takes away",
  "7.1.restore": "a stream that is gone, or all of them, come back from the backup, and what is there is left alone",
  "7.1.flows": "network policies allow the flows that exist and no others, in both directions",
  "7.1.resilience":
    "every program has probes of three kinds, a budget for disruptions and is spread over nodes, NATS over zones too",
  "7.3.signals": "a program that is the first of its container ends on a signal, also before its modules are read",
  "7.3.pinned": "images are made from bases that are pinned by digest, or from one that is given",
  "7.1.drain": "every pod has longer to end than its program takes to drain",
  "7.bad.wrong-credential": "a wrong password is told by the log with user and remedy, and by preflight",
  "7.bad.unreachable": "a NATS that cannot be reached is told by the log with its address, and by preflight",
  "7.bad.missing-kind":
    "a kind that a cluster does not know is told by preflight with who brings it, and by the agent that needs it",
  "7.bad.full-volume": "a full volume or stream is told by preflight with its size and how to make room",
  "7.bad.evicted":
    "a pod that was evicted is told by preflight with the kubelet's reason; its episodes go on elsewhere",
  "7.bad.two-versions":
    "two versions at once are told by preflight, and what one cannot read of the other by a warning with the remedy",
  "7.bad.expired-certificate": "a certificate that has expired is called that in the error and in the log",
  "7.bad.old-server": "a NATS server that is too old is refused by name, with the version that is needed",
  "7.1.tls": "a process that is given an authority talks TLS to the server, or not at all",
  "7.10.guide": "the guide's commands can be given as they stand",
  "7.10.preflight-nats":
    "preflight names what keeps a NATS server from serving: version, JetStream, certificate, password, rights by role, a full stream",
  "7.10.preflight-kubernetes":
    "preflight names what a cluster lacks for an overlay, before and after it is applied, and how to mend it",
  "7.3.compose":
    "compose.yaml is valid, no root, bounded, reachable from its machine only, with secrets by file, and in step with the code",
  "7.9.schema": "every overlay renders and is valid for the API server, offline",
  "7.2.pods": "sandboxes as pods hold the contract of every driver, and a cluster's refusal says what to do",
  "7.2.claims": "pods are claimed from warm pools of agent-sandbox, whose types are honoured without its controller",
  "7.9.policies":
    "no root, no token, no latest tag, limits everywhere and below the namespace's, policies that cover each pod, selectors that select something",
  "7.9.names": "manifests name streams, consumers, users and variables that the code has",
} as const;
