// A shell session persists over commands that each run in a bash of their own.
// Requirements: 3.5.session, 3.bad.commands
import { expect, it } from "vitest";
import { describeSandbox, openSandbox, slowness } from "./sandbox-fixture.ts";

describeSandbox("a sandbox's session", () => {
  it("keeps directory, variables, arrays, exports, functions, aliases, options and umask", async () => {
    const { run } = await openSandbox();
    await run(`mkdir -p deep/er && cd deep/er
      plain="two words"; export EXPORTED=$'tab\\tnew\\nline'; list=(a 'b c'); declare -A map=([k]='v w'); declare -i number=4
      declare -n reference=plain; readonly fixed=1
      greet() { echo "hello $1"; }; export -f greet
      alias say='echo said'; umask 027; set -o pipefail; shopt -s extglob; set -f`);
    const { text } = await run(
      [
        'pwd; echo "$plain|$EXPORTED|${list[1]}|${map[k]}|$reference|$fixed"',
        "number+=3; echo $number",
        'greet you; bash -c "greet child"; printenv EXPORTED',
        "say it",
        "umask; [[ -o pipefail ]] && echo pipefail; shopt -q extglob && echo extglob; echo *",
      ].join("\n"),
    );
    expect(text).toBe(
      [
        "/workspace/deep/er",
        "two words|tab\tnew\nline|b c|v w|two words|1",
        "7",
        "hello you",
        "hello child",
        "tab\tnew",
        "line",
        "said it",
        "0027",
        "pipefail",
        "extglob",
        "*",
        "",
      ].join("\n"),
    );
  });

  it("forgets what the command has unset, also of the first environment", async () => {
    const { run } = await openSandbox();
    await run("x=1; f() { :; }; unset EDITOR");
    await run("unset x; unset -f f");
    const { text } = await run('echo "${x-none} ${EDITOR-none}"; type f');
    expect(text).toBe("none none\nbash: line 1: type: f: not found\n");
  });

  it("starts with a fixed clean environment and nothing of the host's", async () => {
    const { run } = await openSandbox();
    process.env["HINDCAST_TEST_SECRET"] = "do-not-leak";
    const { text } = await run("env; cat /proc/1/environ 2>&1; cat /proc/self/environ | tr '\\0' '\\n'");
    expect(text).not.toContain("do-not-leak");
    expect(text).toContain("HOME=/home/agent\n");
    expect(text).toContain("LANG=C.UTF-8\n");
    expect(text).toContain("PAGER=cat\n");
  });

  it.each([
    ["exit 3", 3],
    ["true", 0],
    ["(exit 42)", 42],
    ["exit 255", 255],
    ["no-such-command", 127],
    ["/workspace", 126],
    ["if", 2],
    ["bash -c 'kill -TERM $$'", 143],
    ["bash -c 'kill -KILL $$'", 137],
    ["set -o pipefail; false | true", 1],
    ["set -e; false; exit 9", 1],
  ])("gives the exact exit code of: %s", async (script, code) => {
    const { run } = await openSandbox();
    expect(await run(script)).toMatchObject({ exitCode: code, killed: null });
  });

  it("shows the last exit code to the next command", async () => {
    const { run } = await openSandbox();
    await run("exit 7");
    expect((await run("echo $?")).text).toBe("7\n");
    expect((await run("echo $?")).text).toBe("0\n");
  });

  it.each([
    ["exit", "cd /usr; x=kept; exit 3"],
    ["a failure under set -e", "cd /usr; x=kept; set -e; false"],
    ["an EXIT trap of the command's own", "trap 'echo bye' EXIT; cd /usr; x=kept; exit 3"],
    ["output that is closed", "cd /usr; x=kept; exec >/dev/null 2>&1; echo lost"],
    ["every descriptor closed", 'cd /usr; x=kept; for fd in /proc/self/fd/*; do eval "exec ${fd##*/}>&-"; done'],
    ["a strange IFS and no globbing", "cd /usr; x=kept; IFS=/ke; set -fu; set -o noclobber"],
    ["functions named like builtins", "cd /usr; x=kept; declare() { :; }; echo() { :; }; printf() { :; }; cd() { :; }"],
    ["a function that exits", "f() { local y=1; exit 4; }; cd /usr; x=kept; f"],
    ["SIGTERM to the shell", "cd /usr; x=kept; kill -TERM $$; sleep 1"],
  ])("is saved after %s", async (_, script) => {
    const { run } = await openSandbox();
    await run(script);
    const { text } = await run('set +eu; builtin printf "%s %s" "$PWD" "$x"');
    expect(text).toBe("/usr kept");
  });

  it("runs a command's EXIT trap at the command's end, with its exit code, and then forgets it", async () => {
    const { run } = await openSandbox();
    expect(await run("trap 'echo left with $?' EXIT; exit 5")).toMatchObject({ text: "left with 5\n", exitCode: 5 });
    expect((await run("true")).text).toBe("");
    expect((await run("trap 'echo a' EXIT; trap - EXIT; (trap 'echo inner' EXIT; true)")).text).toBe("inner\n");
  });

  it("keeps set -e and set -x, without showing its own commands", async () => {
    const { run } = await openSandbox();
    await run("set -x");
    expect((await run("echo one; set +x")).text).toBe("+ echo one\none\n+ set +x\n");
    await run("set -e");
    expect(await run("false; echo unreachable")).toMatchObject({ text: "", exitCode: 1 });
  });

  it("leaves the session as it was when the shell is killed or replaced", async () => {
    const { run } = await openSandbox();
    await run("x=before");
    expect(await run("x=lost; kill -KILL $$")).toMatchObject({ exitCode: null, killed: "signal" });
    expect(await run("x=lost; exec true")).toMatchObject({ exitCode: 0 });
    expect((await run("echo $x")).text).toBe("before\n");
  });

  it("keeps background processes between commands, whose output disturbs nobody", async () => {
    const { run } = await openSandbox();
    const started = await run(
      "touch ticks; (while sleep 0.1; do echo noise; echo x >> ticks; done) & echo $! > pid; echo started",
    );
    expect(started.text).toBe("started\n");
    // Waiting for what runs in the background would last until the command's own limit.
    expect(started.durationMs).toBeLessThan(15_000);
    const { text } = await run(
      'before=$(wc -l < ticks); while [ "$(wc -l < ticks)" -le $((before + 3)) ]; do :; done; kill $(cat pid); echo done',
    );
    expect(text).toBe("done\n");
  });

  it("lets what runs in the background print while another command waits for it", async () => {
    const { run } = await openSandbox();
    await run("mkfifo go; (read -r _ < go; head -c 1000000 /dev/zero; echo x > printed) & echo started");
    const waited = await run("echo > go; until [ -e printed ]; do sleep 0.05; done; echo done", {
      timeoutMs: 10_000 * slowness,
    });
    expect(waited).toMatchObject({ killed: null, text: "done\n" });
  });

  it("falls back to the workspace when its directory was removed", async () => {
    const { run } = await openSandbox();
    expect((await run("mkdir gone; cd gone; rmdir ../gone")).workingDirectory).toBe("/workspace");
    expect((await run("pwd; ls")).text).toBe("/workspace\n");
  });

  it("keeps the directory as the shell names it when a link leads there", async () => {
    const { run } = await openSandbox();
    await run("mkdir real; ln -s real link; cd link");
    expect((await run("pwd; pwd -P")).text).toBe("/workspace/link\n/workspace/real\n");
  });

  it("survives a session that is too large to keep", async () => {
    const { run } = await openSandbox();
    await run("x=small");
    await run('x=$(head -c 5000000 /dev/zero | tr "\\0" a); big=$x$x');
    expect((await run('echo "${#x} $(id -un)"')).text).toBe("5 agent\n");
  });

  it("runs scripts that are longer than one argument may be", async () => {
    const { run } = await openSandbox();
    const { text } = await run(`${"# filler\n".repeat(30_000)}echo end; y=1`);
    expect(text).toBe("end\n");
    expect((await run("echo $y")).text).toBe("1\n");
  });

  it("gives bytes that are not UTF-8 as they are", async () => {
    const { run } = await openSandbox();
    const { output } = await run(String.raw`printf '\xff\xfe\x00\x80ok'`);
    expect([...output]).toEqual([0xff, 0xfe, 0, 0x80, 0x6f, 0x6b]);
  });

  it("keeps stdout and stderr in their order", async () => {
    const { run } = await openSandbox();
    expect((await run("echo 1; echo 2 >&2; echo 3; echo 4 >&2")).text).toBe("1\n2\n3\n4\n");
  });

  it("gives commands no input", async () => {
    const { run } = await openSandbox();
    expect((await run('read -r line; echo "[$line] $?"; cat')).text).toBe("[] 1\n");
  });
});
